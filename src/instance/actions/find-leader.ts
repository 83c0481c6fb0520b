import { isProcessDead, nameProcess } from '../../state-dir/process-identity.js';
import type { Host } from '../../model/host.js';

/**
 * A leader records every hour when its host was last seen, by its own clock. One that has not for
 * so long has ended, in milliseconds.
 */
const silentMs = 2 * 60 * 60_000;

/**
 * Names the process that leads a host, for the status. Undefined if there is none, or it has
 * certainly ended: a lease whose leader died stays in the row until another process takes it.
 */
export async function findLeader(
  { lease, lastSeenAt }: Pick<Host, 'lease' | 'lastSeenAt'>,
  now = new Date(),
): Promise<string | undefined> {
  if (!lease || (await isProcessDead(lease.leader))) return undefined;
  if (lastSeenAt && now.getTime() - lastSeenAt.getTime() > silentMs) return undefined;
  return nameProcess(lease.leader);
}
