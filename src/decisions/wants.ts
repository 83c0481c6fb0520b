import type { Host, HostId } from '../model/host.js';
import type { Path } from '../model/path.js';

/** Whether the allow-list of a host includes this path. An empty list means all sync dirs. */
export function allowsPath(host: Pick<Host, 'syncDirs'>, path: string): boolean {
  return (
    host.syncDirs.length === 0 ||
    host.syncDirs.some((dir) => path === dir || path.startsWith(`${dir}/`))
  );
}

/**
 * Whether a host needs files at this path: its allow-list includes it and a person approved the
 * host. Paused hosts need them too, but nothing is sent to them.
 */
export function wantsPath(host: Pick<Host, 'status' | 'syncDirs'>, path: Path): boolean {
  return (host.status === 'approved' || host.status === 'paused') && allowsPath(host, path);
}

/** Whether a host captures its own files: it is active and ready. */
export function capturesOwnFiles(host: Pick<Host, 'passive' | 'status' | 'readyAt'>): boolean {
  return !host.passive && host.status !== 'retired' && host.readyAt !== undefined;
}

/**
 * Identifies a host with its sync dirs. A host that wants other sync dirs than before is
 * backfilled again.
 */
export function makeBackfillKey({ id, syncDirs }: Pick<Host, 'id' | 'syncDirs'>): string {
  return JSON.stringify([id, [...syncDirs].sort()]);
}

/** Whether a key of `makeBackfillKey` is one of this host, with whichever sync dirs. */
export function isBackfillOf(host: HostId, key: string): boolean {
  return key.startsWith(`${JSON.stringify([host]).slice(0, -1)},`);
}
