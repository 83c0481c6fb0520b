import { estimatePace, type Mark } from '../decisions/pace.js';
import type { Failure, Finding, HostFindings, HostId, Path, Run } from '../model/words.js';
import type { Progress } from './context.js';

const wouldLimit = 1_000,
  foundAtLimit = 1_000,
  failureLimit = 100;
/** The pace is estimated from this many of the last measurements. */
const marksKept = 20;

/** Counts the results of a run on the run itself. */
export class RunProgress implements Progress {
  private readonly failed = new Set<string>();
  private readonly marks: Mark[] = [];

  constructor(
    readonly run: Run,
    readonly signal: AbortSignal,
  ) {
    delete run.wouldTransfer;
    delete run.findings;
    delete run.foundAt;
  }

  found(files: number, bytes: number): void {
    this.run.filesFound += files;
    this.run.bytesFound += bytes;
  }
  done(files: number, bytes: number): void {
    this.run.files += files;
    this.run.bytes += bytes;
  }

  /** Call this regularly; estimates the pace. */
  measure(): void {
    const { run, marks } = this;
    marks.push({ at: performance.now(), files: run.files, bytes: run.bytes });
    if (marks.length > marksKept) marks.shift();
    const pace = estimatePace(marks, { files: run.filesFound, bytes: run.bytesFound });
    if (pace) Object.assign(run, pace);
  }

  fail(host: HostId, failure: Failure): void {
    const { failures } = this.run;
    const key = `${host} ${failure.code} ${failure.of === 'path' ? failure.message : ''}`;
    if (this.failed.has(key) || failures.length >= failureLimit) return;
    this.failed.add(key);
    failures.push({ host, failure });
  }

  would(host: HostId, path: Path, bytes: number): void {
    this.found(1, bytes);
    const listed = (this.run.wouldTransfer ??= []);
    if (listed.length < wouldLimit) listed.push({ host, path });
  }

  finding(host: HostId, path: Path, is: Finding): void {
    this.of(host)[is]++;
    const listed = (this.run.foundAt ??= []);
    if (listed.length < foundAtLimit) listed.push({ host, path, is });
  }

  repaired(host: HostId, files: number): void {
    this.of(host).repaired += files;
  }

  same(host: HostId, files: number): void {
    const findings = this.of(host);
    findings.same = (findings.same ?? 0) + files;
  }

  report(host: HostId): void {
    this.of(host);
  }

  private of(host: HostId): HostFindings {
    const all = (this.run.findings ??= []);
    let own = all.find((one) => one.host === host);
    if (!own) all.push((own = { host, missing: 0, extra: 0, different: 0, repaired: 0 }));
    return own;
  }
}
