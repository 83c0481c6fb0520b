import type { LeaderContext } from '../context/leader-context.js';
import type { Host, HostId } from '../model/host.js';

/**
 * Lists the hosts whose versions this host records: its own, and those of hosts that record none
 * themselves, which fall to the first host that keeps a history.
 */
export function listRecordedHosts(
  { registry, me }: Pick<LeaderContext, 'registry' | 'me'>,
  recordsNone: (host: Host) => boolean,
): HostId[] {
  const [first] = registry
    .recipients()
    .flatMap(({ id, history }) => (history || id === me ? [id] : []))
    .sort();
  const others = registry
    .all()
    .filter((host) => host.id !== me && recordsNone(host))
    .map(({ id }) => id);
  return first === me ? [me, ...others] : [me];
}
