import type { Run } from '../model/run.js';
import { formatDuration } from '../util/format-duration.js';
import { formatCount } from './progress.js';

/** Describes the result of a run in a few words, or how long it still takes. */
export function describeRunResult(run: Run, nameOf: (host: string) => string): string {
  const { state, failures, failure, findings = [], secondsLeft, dryRun, files, filesFound } = run;
  if (state === 'requested') return 'not begun';
  if (state === 'running')
    return secondsLeft === undefined ? '' : `${formatDuration(secondsLeft)} left`;
  const [found] = findings.filter(({ missing, different }) => missing + different > 0);
  if (found && run.kind !== 'adopt') return describeFindings(found, nameOf);
  const [first] = failures;
  if (first) {
    const more = failures.length > 1 ? ` and ${formatCount(failures.length - 1)} more` : '';
    return `${nameOf(first.host)}: ${first.failure.code}${more}`;
  }
  if (failure) return `${failure.code}: ${failure.message}`;
  if (dryRun) return `would transfer ${formatCount(filesFound)}`;
  return state === 'cancelled' ? `after ${formatCount(files)} files` : '';
}

function describeFindings(
  { host, missing, different, repaired }: NonNullable<Run['findings']>[number],
  nameOf: (host: string) => string,
): string {
  const parts = [
    missing > 0 && `${formatCount(missing)} missing`,
    different > 0 && `${formatCount(different)} different`,
    repaired > 0 && `${formatCount(repaired)} repaired`,
  ].filter((part) => typeof part === 'string');
  return `${parts.join(', ')} on ${nameOf(host)}`;
}
