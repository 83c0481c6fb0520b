import type { DiskStat } from './disk.js';
import { inPlace, type Place } from './areas.js';

/** Deeper than any path of the ledger. */
const MAX_DEPTH = 2048;

/**
 * Walks a working folder. Yields paths relative to the sync dir, each directory after its
 * content.
 */
export async function* walkOwn(
  place: Place,
  folder: string,
  depth = 0,
): AsyncGenerator<{ at: string; stat: DiskStat }> {
  await place.disk.openOwn?.(inPlace(place, folder));
  for (const name of (await place.disk.list(inPlace(place, folder))) ?? []) {
    const at = `${folder}/${name}`;
    const stat = await place.disk.stat(inPlace(place, at));
    if (stat === undefined) continue;
    if (stat.kind === 'directory' && depth < MAX_DEPTH) yield* walkOwn(place, at, depth + 1);
    yield { at, stat };
  }
}

/** Removes empty working directories, from `folder` upwards, but not `top`. */
export async function removeEmptied(place: Place, folder: string, top: string): Promise<void> {
  for (let at = folder; at.startsWith(`${top}/`); at = at.slice(0, at.lastIndexOf('/'))) {
    if (!(await place.disk.removeDirectory(inPlace(place, at)))) return;
  }
}
