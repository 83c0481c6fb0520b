import type { DiskStat } from './disk.js';
import { resolveInDir, type SyncDirLocation } from './areas.js';

/** Deeper than any path of the ledger. */
const MAX_DEPTH = 2048;

/**
 * Walks a working folder. Yields paths relative to the sync dir, each directory after its
 * content.
 */
export async function* walkOwnFolder(
  location: SyncDirLocation,
  folder: string,
  depth = 0,
): AsyncGenerator<{ at: string; stat: DiskStat }> {
  await location.disk.restoreOwnPermissions?.(resolveInDir(location, folder));
  for (const name of (await location.disk.list(resolveInDir(location, folder))) ?? []) {
    const at = `${folder}/${name}`;
    const stat = await location.disk.stat(resolveInDir(location, at));
    if (stat === undefined) continue;
    if (stat.kind === 'directory' && depth < MAX_DEPTH)
      yield* walkOwnFolder(location, at, depth + 1);
    yield { at, stat };
  }
}

/** Removes empty working directories, from `folder` upwards, but not `top`. */
export async function removeEmptyDirs(
  location: SyncDirLocation,
  folder: string,
  top: string,
): Promise<void> {
  for (let at = folder; at.startsWith(`${top}/`); at = at.slice(0, at.lastIndexOf('/'))) {
    if (!(await location.disk.removeDirectory(resolveInDir(location, at)))) return;
  }
}
