import type { mongo } from 'mongoose';
import type { HostId } from '../model/host.js';
import type { CaptureRow } from './captured-paths.js';

/** The captures that no leader has processed, as the overview counts them. */
export interface OutboxMeasure {
  /** At most one more than the limit. */
  readonly count: number;
  /** For each host with captures: when the first of them is due. */
  readonly firstDue: ReadonlyMap<HostId, Date>;
}

/** Counts captures up to a limit, and finds the first of each host by the index of due captures. */
export async function measureOutbox(
  rows: mongo.Collection<CaptureRow>,
  { limit, maxTimeMS }: { limit: number; maxTimeMS: number },
): Promise<OutboxMeasure> {
  const [count, first] = await Promise.all([
    rows.countDocuments({}, { limit: limit + 1, maxTimeMS, hint: '_id_' }),
    rows
      .aggregate<{ _id: unknown; dueAt: unknown }>(
        [
          { $sort: { host: 1, dueAt: 1 } },
          { $group: { _id: '$host', dueAt: { $first: '$dueAt' } } },
        ],
        { maxTimeMS },
      )
      .toArray(),
  ]);
  const firstDue = first.flatMap(({ _id, dueAt }): [HostId, Date][] =>
    typeof _id === 'string' && dueAt instanceof Date ? [[_id, dueAt]] : [],
  );
  return { count, firstDue: new Map(firstDue) };
}
