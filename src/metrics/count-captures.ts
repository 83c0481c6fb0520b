import type { mongo } from 'mongoose';
import type { WaitingCaptures } from './metrics-reading.js';

/** Counts stop here, so that a scrape costs the same however much waits. */
const countLimit = 10_000;
/** How long the query may take. In milliseconds. */
const queryMs = 2_000;

/**
 * Counts the captures of each host, with the age of the oldest that is due, by the database's
 * clock. Removed files are checked again for ten minutes, and their captures are due later
 * meanwhile, so these do not count as old.
 *
 * @param dueMs how long after its operation a capture is due
 */
export async function countCaptures(
  captures: mongo.Collection,
  dueMs: number,
): Promise<WaitingCaptures[]> {
  const none = { onError: null, onNull: null };
  // A capture that is due since the epoch is one of another host. Its id begins with its time.
  const timeOfId = {
    $convert: {
      input: { $convert: { input: '$_id', to: 'objectId', ...none } },
      to: 'date',
      ...none,
    },
  };
  const madeAt = {
    $cond: [{ $gt: ['$dueAt', new Date(0)] }, { $subtract: ['$dueAt', dueMs] }, timeOfId],
  };
  const groups = await captures
    .aggregate<{ _id: unknown; captures: number; oldest: unknown; now: Date }>(
      [
        { $limit: countLimit },
        {
          $group: {
            _id: '$host',
            captures: { $sum: 1 },
            oldest: { $min: { $cond: [{ $gt: ['$dueAt', '$$NOW'] }, null, madeAt] } },
            now: { $max: '$$NOW' },
          },
        },
      ],
      { maxTimeMS: queryMs },
    )
    .toArray();
  return groups.flatMap(({ _id: host, captures: count, oldest, now }) =>
    typeof host === 'string'
      ? [{ host, captures: count, oldestSeconds: measureAge(oldest, now) }]
      : [],
  );
}

function measureAge(oldest: unknown, now: Date): number {
  return oldest instanceof Date
    ? Math.max(0, Math.round((now.getTime() - oldest.getTime()) / 1000))
    : 0;
}
