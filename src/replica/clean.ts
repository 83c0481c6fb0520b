import { areas, inPlace, readClock, timeOf, timeOfName, type Place } from './areas.js';
import { listFolders } from './recoverable.js';
import { folderOf } from './replace.js';
import { removeEmptied, walkOwn } from './walk.js';

/**
 * Removes unfinished files (tmp, partial) that nobody has worked on for `olderThanMs`, and
 * returns how many. A finished file already has the date of its source. So if its name tells when
 * it was made, that must be as long ago.
 */
export async function cleanTmp(place: Place, olderThanMs: number): Promise<number> {
  const now = await readClock(place);
  let removed = 0;
  for (const area of [areas.tmp, areas.partial]) {
    for await (const { at, stat } of walkOwn(place, area)) {
      const made = timeOfName(at.slice(at.lastIndexOf('/') + 1));
      if (
        now - timeOf(stat) < olderThanMs ||
        (made !== undefined && Date.now() - made < olderThanMs)
      )
        continue;
      if (stat.kind === 'directory') {
        await place.disk.removeDirectory(inPlace(place, at));
      } else {
        await place.disk.remove(inPlace(place, at));
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
  place: Place,
  { olderThanMs, maxBytes }: { olderThanMs: number; maxBytes: number },
): Promise<number> {
  const names = await listFolders(place, areas.trash);
  if (names.length === 0) return 0;
  const now = await readClock(place);
  let bytes = 0;
  let removed = 0;
  for (const name of names) {
    const folder = `${areas.trash}/${name}`;
    const at = await place.disk.stat(inPlace(place, folder));
    if (at === undefined) continue;
    const old = now - timeOf(at) >= olderThanMs;
    for await (const found of walkOwn(place, folder)) {
      if (found.stat.kind === 'directory') continue;
      bytes += found.stat.size;
      if (!old && bytes <= maxBytes) continue;
      await place.disk.remove(inPlace(place, found.at));
      await removeEmptied(place, folderOf(found.at), areas.trash);
      removed++;
    }
    if (old) await place.disk.removeDirectory(inPlace(place, folder));
  }
  return removed;
}
