import type { Host, HostId } from '../model/host.js';
import { isSilent, type SenderFacts } from './host-state.js';

/** Whether what a host recorded about its deliveries is up to date. */
export function canSend(host: Host, now: Date): boolean {
  const takesPart = host.status === 'approved' || host.status === 'paused';
  return !host.passive && takesPart && !isCloned(host) && !isSilent({ host, now });
}

/** Whether two machines run with the id of the host. */
export function isCloned({ halted }: Pick<Host, 'halted'>): boolean {
  return Object.values(halted).some(({ code }) => code === 'HOST_CLONED');
}

/** The name of a host; its id if the row has no valid name. */
export function nameHost({ id, hostname }: Pick<Host, 'id' | 'hostname'>): string {
  return hostname === '' ? id : hostname;
}

/**
 * Lists how the deliveries of other hosts to this one are going.
 *
 * @param working the hosts that can send
 */
export function listSenders(to: HostId, working: readonly Host[]): SenderFacts[] {
  return working.flatMap((host) => {
    const delivery = host.id === to ? undefined : host.deliveries[to];
    return delivery ? [{ from: nameHost(host), ...delivery }] : [];
  });
}
