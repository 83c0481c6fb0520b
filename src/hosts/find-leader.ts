import { hostLimits } from '../decisions/host-state.js';
import { isProcessDead, nameProcess } from '../state-dir/process-identity.js';
import type { Host } from '../model/host.js';

/**
 * A leader of a version without dated heartbeats records every hour when its host was last seen, by
 * its own clock. One that has not for so long has ended, in milliseconds.
 */
const silentMs = 2 * 60 * 60_000;

/**
 * Names the process that leads a host. Undefined if there is none, or it has ended: a lease whose
 * leader died stays in the row until another process takes it.
 * @param now the time of the database, whose clock dates heartbeats
 */
export async function findLeader(
  { lease, lastSeenAt, heartbeatAt }: Pick<Host, 'lease' | 'lastSeenAt' | 'heartbeatAt'>,
  now: Date,
): Promise<string | undefined> {
  if (!lease || (await isProcessDead(lease.leader))) return undefined;
  const last = heartbeatAt ?? lastSeenAt,
    limitMs = heartbeatAt ? hostLimits.silent * 1000 : silentMs;
  if (last && now.getTime() - last.getTime() > limitMs) return undefined;
  return nameProcess(lease.leader);
}
