import {
  areas,
  resolveInDir,
  readDiskClock,
  toMilliseconds,
  parseNameTime,
  type SyncDirLocation,
} from './areas.js';
import { listAreaFolders } from './recoverable.js';
import { getFolderPath } from './replace.js';
import { removeEmptyDirs, walkOwnFolder } from './walk.js';

/**
 * Removes unfinished files (tmp, partial) that nobody has worked on for `olderThanMs`, and
 * returns how many. A finished file already has the date of its source. So if its name tells when
 * it was made, that must be as long ago.
 */
export async function cleanTmp(location: SyncDirLocation, olderThanMs: number): Promise<number> {
  const now = await readDiskClock(location);
  let removed = 0;
  for (const area of [areas.tmp, areas.partial]) {
    for await (const { at, stat } of walkOwnFolder(location, area)) {
      const made = parseNameTime(at.slice(at.lastIndexOf('/') + 1));
      if (
        now - toMilliseconds(stat) < olderThanMs ||
        (made !== undefined && Date.now() - made < olderThanMs)
      )
        continue;
      if (stat.kind === 'directory') {
        await location.disk.removeDirectory(resolveInDir(location, at));
      } else {
        await location.disk.remove(resolveInDir(location, at));
        removed++;
      }
    }
  }
  return removed;
}

/**
 * Removes trash that is older than `olderThanMs` by that disk's clock, and the oldest trash
 * beyond `maxBytes`. Returns how many files it removed.
 */
export async function cleanTrash(
  location: SyncDirLocation,
  { olderThanMs, maxBytes }: { olderThanMs: number; maxBytes: number },
): Promise<number> {
  const names = await listAreaFolders(location, areas.trash);
  if (names.length === 0) return 0;
  const now = await readDiskClock(location);
  let bytes = 0;
  let removed = 0;
  for (const name of names) {
    const folder = `${areas.trash}/${name}`;
    const at = await location.disk.stat(resolveInDir(location, folder));
    if (at === undefined) continue;
    const isExpired = now - toMilliseconds(at) >= olderThanMs;
    for await (const found of walkOwnFolder(location, folder)) {
      if (found.stat.kind === 'directory') continue;
      bytes += found.stat.size;
      if (!isExpired && bytes <= maxBytes) continue;
      await location.disk.remove(resolveInDir(location, found.at));
      await removeEmptyDirs(location, getFolderPath(found.at), areas.trash);
      removed++;
    }
    if (isExpired) await location.disk.removeDirectory(resolveInDir(location, folder));
  }
  return removed;
}
