import { setTimeout as sleep } from 'node:timers/promises';
import { SyncMediaError } from '../model/errors.js';
import type { Host, HostId } from '../model/host.js';
import { isProcessDead, nameProcess } from '../state-dir/process-identity.js';
import type { HostsDeps } from './deps.js';
import { findHost, listHosts } from './host-rows.js';
import { restoreNames, retireHost } from './unregister.js';

/** The leader of a host raises its counter every three seconds. */
const watchMs = 12_000,
  lookMs = 500;

/**
 * Retires the host whose name this machine takes over, because its state folder was lost. Its
 * captures stay for `listReplaced`.
 *
 * @param me this machine's host, which is not replaced
 * @throws HOST_EXISTS if a process of that host is at work
 */
export async function replaceHost(
  deps: HostsDeps,
  hostname: string,
  me: HostId | undefined,
  { watchLeaseMs = watchMs }: { watchLeaseMs?: number } = {},
): Promise<void> {
  const hosts = await listHosts(deps);
  const other = hosts.find(
    (host) => host.hostname === hostname && host.id !== me && host.status !== 'retired',
  );
  if (!other) return;
  if (other.passive)
    throw new SyncMediaError(
      'HOST_EXISTS',
      `${hostname} is a passive host, which no machine replaces: unregister it first, or give ` +
        `this machine another hostname`,
    );
  const leader = await findWorkingLeader(deps, other, watchLeaseMs);
  if (leader !== undefined)
    throw new SyncMediaError(
      'HOST_EXISTS',
      `the host ${hostname} (${other.id}) is at work: ${nameProcess(leader)} leads it. Stop it ` +
        `first, or give this machine another hostname`,
    );
  await retireHost(deps, other);
}

/** Lists the retired hosts that had this name. */
export async function listReplaced(deps: HostsDeps, hostname: string): Promise<HostId[]> {
  return (await listHosts(deps))
    .filter((host) => host.status === 'retired' && restoreNames(host).hostname === hostname)
    .map(({ id }) => id);
}

/**
 * Finds the process that leads a host now. A lease stays in the row after its process was killed,
 * and a host that restarts has none for a moment. So the row is watched unless the process is known
 * to have ended.
 */
export async function findWorkingLeader(
  deps: HostsDeps,
  { id, lease }: Host,
  watchLeaseMs: number = watchMs,
): Promise<string | undefined> {
  if (lease && (await isProcessDead(lease.leader))) return undefined;
  const deadline = performance.now() + watchLeaseMs;
  while (performance.now() < deadline) {
    await sleep(Math.min(lookMs, watchLeaseMs / 10));
    const now = (await findHost(deps, id))?.lease;
    if (lease && !now) return undefined;
    if (now && (now.leader !== lease?.leader || now.beat !== lease.beat)) return now.leader;
  }
  return undefined;
}
