import { estimatePace, type ProgressMark } from '../decisions/pace.js';
import type { Failure } from '../model/failure.js';
import type { Finding, HostFindings, LeftOutReason, Run, TransferReason } from '../model/run.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';

const wouldLimit = 1_000,
  foundAtLimit = 1_000,
  leftOutLimit = 300,
  failureLimit = 100;
/** The pace is estimated from this many of the last measurements. */
const maxMarks = 20;

/** Counts the results of a run on the run itself. */
export class RunProgress {
  private readonly reported = new Set<string>();
  private readonly marks: ProgressMark[] = [];

  constructor(
    readonly run: Run,
    readonly signal: AbortSignal,
  ) {
    delete run.wouldTransfer;
    delete run.transferReasons;
    delete run.findings;
    delete run.pathFindings;
    delete run.leftOut;
  }

  addFound(files: number, bytes: number): void {
    this.run.filesFound += files;
    this.run.bytesFound += bytes;
  }
  /** More may arrive than was counted first, since files are saved meanwhile. */
  addDone(files: number, bytes: number): void {
    const { run } = this;
    run.files += files;
    run.bytes += bytes;
    run.filesFound = Math.max(run.filesFound, run.files);
    run.bytesFound = Math.max(run.bytesFound, run.bytes);
  }

  /** Call this regularly; estimates the pace. */
  measurePace(): void {
    const { run, marks } = this;
    marks.push({ at: performance.now(), files: run.files, bytes: run.bytes });
    if (marks.length > maxMarks) marks.shift();
    const pace = estimatePace(marks, { files: run.filesFound, bytes: run.bytesFound });
    if (pace) Object.assign(run, pace);
  }

  addFailure(host: HostId, failure: Failure): void {
    const { failures } = this.run;
    const key = `${host} ${failure.code} ${failure.scope === 'path' ? failure.message : ''}`;
    if (this.reported.has(key) || failures.length >= failureLimit) return;
    this.reported.add(key);
    failures.push({ host, failure });
  }

  addWouldTransfer(host: HostId, path: Path, size: number, why: TransferReason): void {
    this.addFound(1, size);
    const listed = (this.run.wouldTransfer ??= []);
    if (listed.length < wouldLimit) listed.push({ host, path, size, why });
    const reasons = (this.run.transferReasons ??= []);
    const own = reasons.find((one) => one.why === why);
    if (own) own.count++;
    else reasons.push({ why, count: 1 });
  }

  addFinding(host: HostId, path: Path, finding: Finding): void {
    this.getFindings(host)[finding]++;
    const listed = (this.run.pathFindings ??= []);
    if (listed.length < foundAtLimit) listed.push({ host, path, finding });
  }

  addLeftOut(path: Path, why: LeftOutReason): void {
    const all = (this.run.leftOut ??= []);
    let own = all.find((one) => one.why === why);
    if (!own) all.push((own = { why, count: 0, paths: [] }));
    own.count++;
    if (own.paths.length < leftOutLimit) own.paths.push(path);
  }

  addRepaired(host: HostId, files: number): void {
    this.getFindings(host).repaired += files;
  }

  addSame(host: HostId, files: number): void {
    const findings = this.getFindings(host);
    findings.same = (findings.same ?? 0) + files;
  }

  includeHost(host: HostId): void {
    this.getFindings(host);
  }

  private getFindings(host: HostId): HostFindings {
    const all = (this.run.findings ??= []);
    let own = all.find((one) => one.host === host);
    if (!own) all.push((own = { host, missing: 0, extra: 0, different: 0, repaired: 0 }));
    return own;
  }
}
