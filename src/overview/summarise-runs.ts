import type { RunSummary } from '../api/overview.js';
import { formatFiles } from '../decisions/explain-host.js';
import { countSeconds } from '../decisions/host-state.js';
import type { HostId } from '../model/host.js';
import type { HostFindings, Run } from '../model/run.js';
import { formatDuration } from '../util/format-duration.js';
import type { SiteReading } from './read-site.js';

/** How many ended runs are shown. */
const maxEnded = 5;

type NameOf = (host: HostId) => string;

/** The unfinished runs by age, then those that ended last. */
export function summariseRuns({ runs, now }: SiteReading, nameOf: NameOf): RunSummary[] {
  const unfinished = [...runs.unfinished].sort(
    (a, b) => a.requestedAt.getTime() - b.requestedAt.getTime(),
  );
  const ended = runs.newest
    .filter(({ endedAt }) => endedAt !== undefined)
    .sort((a, b) => (b.endedAt?.getTime() ?? 0) - (a.endedAt?.getTime() ?? 0))
    .slice(0, maxEnded);
  return [...unfinished, ...ended].map((run) => summariseRun(run, now, nameOf));
}

function summariseRun(run: Run, now: Date, nameOf: NameOf): RunSummary {
  const { id, kind, at, state, dryRun, files, filesFound, bytes, bytesFound } = run;
  const { requestedAt, endedAt, requestedBy, secondsLeft } = run;
  return {
    id,
    kind,
    at: nameOf(at),
    state,
    dryRun,
    files,
    filesFound,
    bytes,
    bytesFound,
    requestedSecondsAgo: countSeconds(requestedAt, now),
    ...(endedAt && { endedSecondsAgo: countSeconds(endedAt, now) }),
    ...(secondsLeft !== undefined && { secondsLeft }),
    requestedBy: requestedBy.slice(0, 200),
    result: describeResult(run, nameOf),
  };
}

/** Describes the result of a run, or how far it is, in one line. */
export function describeResult(run: Run, nameOf: NameOf): string {
  const { state, secondsLeft, failure, failures, dryRun, filesFound, files } = run;
  switch (state) {
    case 'requested':
      return `waits for ${nameOf(run.at)}`;
    case 'running':
      return secondsLeft === undefined ? 'under way' : `${formatDuration(secondsLeft)} left`;
    case 'cancelled':
      return 'cancelled';
    case 'failed':
    case 'done': {
      const damage = describeDamage(run, nameOf);
      if (damage !== undefined) return damage;
      const [first] = failures;
      if (first) {
        const more = failures.length > 1 ? ` and ${String(failures.length - 1)} more` : '';
        return `failed with ${nameOf(first.host)}${more}: ${first.failure.message}`.slice(0, 200);
      }
      if (state === 'failed') return (failure?.message ?? 'failed').slice(0, 200);
      if (run.kind === 'verify') return 'nothing differs';
      return dryRun ? `would transfer ${formatFiles(filesFound)}` : formatFiles(files);
    }
  }
}

/** What a verification found and did not repair; undefined for other runs, and if all is well. */
function describeDamage({ kind, findings = [] }: Run, nameOf: NameOf): string | undefined {
  if (kind !== 'verify') return undefined;
  const damaged = findings.filter(
    ({ missing, different, repaired }) => missing + different > repaired,
  );
  return damaged.length === 0
    ? undefined
    : damaged
        .map((one) => describeFindings(one, nameOf))
        .join('; ')
        .slice(0, 200);
}

function describeFindings(
  { host, missing, different, repaired }: HostFindings,
  nameOf: NameOf,
): string {
  const parts = [
    missing > 0 && `${String(missing)} missing`,
    different > 0 && `${String(different)} different`,
    repaired > 0 && `${String(repaired)} repaired`,
  ].filter((part) => part !== false);
  return `${parts.join(', ')} on ${nameOf(host)}`;
}
