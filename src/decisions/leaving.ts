import type { Host, HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import { isSilent, isUnreachable } from './host-state.js';
import { canSend, isCloned, listSenders } from './senders.js';

/**
 * Lists the hosts that keep their files when another one leaves. The copy of a host does not count
 * if the host waits for approval or is retired, leaves as well, is used by two machines, or gives
 * no sign of life: nobody knows whether its disk still exists.
 *
 * @param now the database's time of the reading
 */
export function listKeepers(hosts: readonly Host[], leaving: HostId, now: Date): HostId[] {
  return hosts.filter((host) => host.id !== leaving && isKeeper(host, hosts, now)).map(getId);
}

function isKeeper(host: Host, hosts: readonly Host[], now: Date): boolean {
  if (host.leaving || isCloned(host)) return false;
  // Only deliveries tell whether a passive host is there. Nothing is sent to one that is paused.
  if (host.passive) {
    const working = hosts.filter((other) => canSend(other, now));
    return host.status === 'approved' && !isUnreachable({ senders: listSenders(host.id, working) });
  }
  return (host.status === 'approved' || host.status === 'paused') && !isSilent({ host, now });
}

function getId({ id }: Host): HostId {
  return id;
}

/**
 * Lists the sync dirs with a rescan that is due or will be, and for which no scan made up.
 *
 * @param scanned the rescans that were stored before a scan of the whole disk began
 */
export function listOpenRescans(
  rescans: Host['rescans'],
  scanned: Host['rescans'] | undefined,
): Path[] {
  const madeUp = new Map(Object.entries(scanned ?? {}));
  return Object.entries(rescans)
    .filter(([dir, dueAt]) => madeUp.get(dir)?.getTime() !== dueAt.getTime())
    .map(([dir]) => dir as Path);
}
