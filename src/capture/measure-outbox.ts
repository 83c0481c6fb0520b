import { Types, type mongo } from 'mongoose';
import type { HostId } from '../model/host.js';
import type { CaptureRow } from './captured-paths.js';

/** The captures that no leader has processed, as the overview counts them. */
export interface OutboxMeasure {
  /** At most one more than the limit. */
  readonly count: number;
  /**
   * For each host with captures the time at which the first one is due. A capture that another host
   * requested is due at once, and counts like that of a save here.
   */
  readonly firstDue: ReadonlyMap<HostId, Date>;
}

/** A capture is due so many seconds after its save, and processed at once where a leader works. */
export const dueSeconds = 30;

/** Counts captures up to a limit, and finds the first of each host by the index of due captures. */
export async function measureOutbox(
  rows: mongo.Collection<CaptureRow>,
  { limit, maxTimeMS }: { limit: number; maxTimeMS: number },
): Promise<OutboxMeasure> {
  const [count, first] = await Promise.all([
    rows.countDocuments({}, { limit: limit + 1, maxTimeMS, hint: '_id_' }),
    rows
      .aggregate<{ _id: unknown; dueAt: unknown; id: unknown }>(
        [
          { $sort: { host: 1, dueAt: 1 } },
          { $group: { _id: '$host', dueAt: { $first: '$dueAt' }, id: { $first: '$_id' } } },
        ],
        { maxTimeMS },
      )
      .toArray(),
  ]);
  const firstDue = first.flatMap(({ _id, dueAt, id }): [HostId, Date][] => {
    const due = findDueDate(dueAt, id);
    return typeof _id === 'string' && due ? [[_id, due]] : [];
  });
  return { count, firstDue: new Map(firstDue) };
}

/** A capture that another host requested is due at the epoch, and its id begins with its time. */
function findDueDate(dueAt: unknown, id: unknown): Date | undefined {
  if (!(dueAt instanceof Date)) return undefined;
  if (dueAt.getTime() > 0) return dueAt;
  if (typeof id !== 'string' || !Types.ObjectId.isValid(id)) return undefined;
  return new Date(new Types.ObjectId(id).getTimestamp().getTime() + dueSeconds * 1_000);
}
