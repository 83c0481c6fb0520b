import { randomUUID } from 'node:crypto';
import { readDatabaseClock } from '../database/database-clock.js';
import type { Host, HostId } from '../model/host.js';
import type { HostsDeps } from './deps.js';
import { listHosts, pickHostCollection } from './host-rows.js';

/** In milliseconds. An older mark is one of a process that died, or that took too long. */
const staleMs = 60_000;

type LeavingDeps = Pick<HostsDeps, 'connection' | 'config' | 'seals'>;

/**
 * Marks a host as leaving while `work` examines whether the site loses anything by it, and retires
 * it. Two hosts that leave at once would else each count the copies of the other: each marks its
 * row before it reads those of the others, so at least one of them sees the mark of the other.
 *
 * @param work must retire the host only while its row has this mark: others remove one that is old
 */
export async function whileLeaving<T>(
  deps: LeavingDeps,
  id: HostId,
  work: (mark: string) => Promise<T>,
): Promise<T> {
  const rows = pickHostCollection(deps),
    token = randomUUID();
  await rows.updateOne({ _id: id, status: { $ne: 'retired' } }, [
    { $unset: 'leaving' },
    { $set: { leaving: { token: { $literal: token }, since: '$$NOW' } } },
  ]);
  try {
    return await work(token);
  } finally {
    // Others remove a mark that stays.
    await rows
      .updateOne({ _id: id, 'leaving.token': token }, { $unset: { leaving: 1 } })
      .catch(() => undefined);
  }
}

/** Reads all hosts, and the time of the database, after marks of processes that died are gone. */
export async function readBeforeLeaving(
  deps: LeavingDeps,
  me: HostId,
): Promise<{ hosts: Host[]; now: Date }> {
  const now = await readDatabaseClock(deps.connection);
  await pickHostCollection(deps).updateMany(
    { _id: { $ne: me }, 'leaving.since': { $lt: new Date(now.getTime() - staleMs) } },
    { $unset: { leaving: 1 } },
  );
  return { hosts: await listHosts(deps), now };
}
