import type { Host, HostId } from '../model/host.js';

/** How many hosts are asked for one version, at most. */
const MOST = 16;

/**
 * Chooses the hosts that are asked for the bytes of an earlier version that lie in no store of
 * this host. The one that recorded it has them, if any. Hosts to which deliveries fail come last.
 */
export function chooseHolders(
  me: Pick<Host, 'id' | 'deliveries'> | undefined,
  hosts: readonly Host[],
  recordedBy: HostId,
): Host[] {
  const isFailing = ({ id }: Host): boolean => me?.deliveries[id]?.failure !== undefined;
  const rank = (host: Host): number => (isFailing(host) ? 2 : 0) + (host.id === recordedBy ? 0 : 1);
  return hosts
    .filter(
      ({ id, backend, passive, status }) =>
        id !== me?.id && backend === 'git-annex' && !passive && status === 'approved',
    )
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, MOST);
}
