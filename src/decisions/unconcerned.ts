import type { Entry } from '../model/entry.js';
import type { Host } from '../model/host.js';
import { removedStamp } from './file-state.js';
import { makeBackfillKey, wantsPath } from './wants.js';

/** Why a host neither holds an entry nor is to get it. */
export function explainUnconcerned(host: Host, entry: Entry, hosts: readonly Host[]): string {
  if (host.status === 'pending') return 'it waits for approval';
  if (!wantsPath(host, entry.path)) return 'its sync dirs leave the path out';
  if (entry.kind === 'file' && entry.stamps?.[host.id] === removedStamp)
    return 'its application removed the file';
  return isStillListed(host, entry, hosts)
    ? 'it is new, and the files that it lacks are still being listed'
    : 'it keeps its own file there';
}

/**
 * Whether the origin of an entry has yet to mark its earlier entries as pending for a new host. The
 * entries of a retired origin are marked by the others, any one of which suffices.
 */
function isStillListed(host: Host, { origin }: Entry, hosts: readonly Host[]): boolean {
  if (!host.passive && host.readyAt === undefined) return true;
  if (origin === host.id) return false;
  const isActive = hosts.some(({ id, status }) => id === origin && status !== 'retired');
  const key = makeBackfillKey(host);
  return !hosts.some(
    ({ id, backfilled }) => (isActive ? id === origin : true) && backfilled?.includes(key),
  );
}
