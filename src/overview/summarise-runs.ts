import { describeRunResult } from '../api/describe-run-result.js';
import type { RunSummary } from '../api/overview.js';
import { countSeconds } from '../decisions/host-state.js';
import type { HostId } from '../model/host.js';
import type { Run } from '../model/run.js';
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
    result: describeRunResult(run, nameOf),
  };
}
