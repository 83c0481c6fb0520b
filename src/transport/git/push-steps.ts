import type { HistoryDay, Repository } from './repository.js';

/** A day, or its first commits, and the commit that the other host has already. */
export interface DayRange extends Pick<HistoryDay, 'ref' | 'tip'> {
  readonly from: string | undefined;
}

/**
 * Splits what another host lacks into pushes of about `maxBytes`. The gate there refuses a push
 * above its limit, and a host that was away for long may lack more than that. A commit is never
 * split, so one that is larger gets a push of its own.
 */
export async function planPushes(
  repository: Repository,
  ranges: readonly DayRange[],
  maxBytes: number,
  signal: AbortSignal,
): Promise<DayRange[][]> {
  if (ranges.length === 0) return [];
  if ((await measure(repository, ranges, signal)) <= maxBytes) return [[...ranges]];
  const halves = await halve(repository, ranges, signal);
  if (!halves) return [[...ranges]];
  const [first, second] = halves;
  return [
    ...(await planPushes(repository, first, maxBytes, signal)),
    ...(await planPushes(repository, second, maxBytes, signal)),
  ];
}

/** Halves a list of days, or a day at a commit. Returns undefined for a single commit. */
async function halve(
  repository: Repository,
  ranges: readonly DayRange[],
  signal: AbortSignal,
): Promise<[DayRange[], DayRange[]] | undefined> {
  const middle = Math.ceil(ranges.length / 2);
  if (ranges.length > 1) return [ranges.slice(0, middle), ranges.slice(middle)];
  const [range] = ranges;
  if (!range) return undefined;
  const { output } = await repository.run(
    ['rev-list', '--reverse', '--ignore-missing', ...toRevisions([range])],
    { signal, doing: 'listing commits to share' },
  );
  const commits = output.toString().trim().split('\n');
  const tip = commits[Math.ceil(commits.length / 2) - 1];
  if (tip === undefined || tip === range.tip) return undefined;
  return [[{ ...range, tip }], [{ ...range, from: tip }]];
}

/** The bytes that these commits take in this repository. A push takes about as many. */
async function measure(
  repository: Repository,
  ranges: readonly DayRange[],
  signal: AbortSignal,
): Promise<number> {
  const { output } = await repository.run(
    ['rev-list', '--disk-usage', '--objects', '--ignore-missing', ...toRevisions(ranges)],
    { signal, doing: 'measuring what to share' },
  );
  return Number(output.toString());
}

/** The other host's commit may be one that was forgotten here, so it may be missing. */
function toRevisions(ranges: readonly DayRange[]): string[] {
  return ranges.flatMap(({ tip, from }) => [tip, ...(from === undefined ? [] : [`^${from}`])]);
}
