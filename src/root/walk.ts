import type { DiskStat } from './disk.js';
import { inPlace, type Place } from './areas.js';

/** Deeper than any path of the ledger can be. */
const MAX_DEPTH = 2048;

/** What lies below a folder of our own, directories after what is in them, by its path below the sync dir. */
export async function* walkOwn(place: Place, folder: string, depth = 0): AsyncGenerator<{ at: string; stat: DiskStat }> {
  await place.disk.openOwn?.(inPlace(place, folder));
  for (const name of (await place.disk.list(inPlace(place, folder))) ?? []) {
    const at = `${folder}/${name}`;
    const stat = await place.disk.stat(inPlace(place, at));
    if (stat === undefined) continue;
    if (stat.kind === 'directory' && depth < MAX_DEPTH) yield* walkOwn(place, at, depth + 1);
    yield { at, stat };
  }
}

/** Removes directories of our own as far as they are empty: `folder`, then what it lies in, up to but without `top`. */
export async function removeEmptied(place: Place, folder: string, top: string): Promise<void> {
  for (let at = folder; at.startsWith(`${top}/`); at = at.slice(0, at.lastIndexOf('/'))) {
    if (!(await place.disk.removeDirectory(inPlace(place, at)))) return;
  }
}
