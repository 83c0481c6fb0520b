import type { Run } from '../model/run.js';
import { formatDuration } from '../util/format-duration.js';

const barWidth = 20;

/**
 * Describes the progress of a run in one plain line: how much is done, how fast, and how long the
 * rest takes.
 */
export function describeProgress(run: Run): string {
  if (run.waits !== undefined) return `${run.kind} ${run.id}: ${run.state}; ${run.waits}`;
  return `${run.kind} ${run.id}: ${run.state}, ${describeCounts(run)}${describePace(run)}`;
}

/** Describes the same for a terminal, shorter and with a bar. */
export function drawProgress(run: Run): string {
  if (run.waits !== undefined) return `${run.kind}: ${run.waits}`;
  const share = computeShareDone(run);
  const full = Math.round(share * barWidth);
  const bar = `[${'#'.repeat(full)}${'-'.repeat(barWidth - full)}]`;
  return (
    `${run.kind} ${bar} ${String(Math.floor(share * 100))}% ` +
    `${describeCounts(run)}${describePace(run)}`
  );
}

export function describeCounts({ files, filesFound, bytes, bytesFound }: Run): string {
  return (
    `${String(files)} of ${String(filesFound)} files, ${formatBytes(bytes)} of ` +
    `${formatBytes(bytesFound)}`
  );
}

/** Formats a count with a comma before each three digits, in every locale. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const count = power === 0 ? String(bytes) : (bytes / 1024 ** power).toFixed(1);
  return `${count} ${units[power] ?? ''}`;
}

/**
 * Averages the shares of bytes and of files, because many small files take long regardless of their
 * bytes. Limited to 1, since a run may transfer more than it has found.
 */
function computeShareDone({ files, filesFound, bytes, bytesFound }: Run): number {
  const shares = [
    [files, filesFound],
    [bytes, bytesFound],
  ].flatMap(([done = 0, found = 0]) => (found > 0 ? [done / found] : []));
  return shares.length === 0
    ? 0
    : Math.min(1, shares.reduce((sum, share) => sum + share, 0) / shares.length);
}

function describePace({ bytesPerSecond, secondsLeft }: Run): string {
  if (bytesPerSecond === undefined || secondsLeft === undefined) return '';
  return `, ${formatBytes(bytesPerSecond)}/s, ${formatDuration(secondsLeft)} left`;
}
