import type { Host, HostId } from '../model/host.js';

/**
 * The hosts that files of this host are on their way to. A paused host gets nothing, and one that
 * fails may stay away for days: work that waits until nothing is pending does not wait for them.
 */
export function chooseReceivingHosts(me: Host, others: readonly Host[]): HostId[] {
  return others
    .filter(
      ({ id, status }) =>
        id !== me.id && status === 'approved' && me.deliveries[id]?.failure === undefined,
    )
    .map(({ id }) => id);
}
