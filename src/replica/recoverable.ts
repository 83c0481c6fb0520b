import type { Path, Seen } from '../model/words.js';
import { areas, inPlace, timeOf, timeOfName, type Place } from './areas.js';
import { belowDir } from './parents.js';
import { isSafePath } from './paths.js';
import { folderOf, makeFolder } from './replace.js';
import { removeEmptied, walkOwn } from './walk.js';

/**
 * A file in the conflicts or the trash. `keptAs` is its path relative to the sync dir; `at` is
 * when it came there, by that disk's clock.
 */
export interface Kept {
  readonly path: Path;
  readonly keptAs: string;
  readonly at: Date;
  readonly size: number;
}

/** Lists the conflicts or the trash, newest first. */
export async function listKept(
  place: Place,
  area: 'conflicts' | 'trash',
  limit: number,
): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (const name of await listFolders(place, areas[area])) {
    const folder = `${areas[area]}/${name}`;
    const at = await place.disk.stat(inPlace(place, folder));
    if (at === undefined) continue;
    for await (const found of walkOwn(place, folder)) {
      const path = `${place.dir}/${found.at.slice(folder.length + 1)}`;
      if (found.stat.kind === 'directory' || !isSafePath(path)) continue;
      if (kept.length >= limit) return kept;
      kept.push({ path, keptAs: found.at, at: new Date(timeOf(at)), size: found.stat.size });
    }
  }
  return kept;
}

/**
 * Moves the conflict at `keptAs` to the trash, which is emptied in time. False if the file is
 * gone.
 *
 * @param rest its path below the sync dir
 */
export async function discardKept(place: Place, keptAs: string, rest: string): Promise<boolean> {
  const inTrash = `${areas.trash}/${await makeFolder(place, areas.trash, rest)}/${rest}`;
  const moved = await place.disk.rename(inPlace(place, keptAs), inPlace(place, inTrash));
  await removeEmptied(
    place,
    folderOf(moved ? keptAs : inTrash),
    moved ? areas.conflicts : areas.trash,
  );
  return moved;
}

/**
 * Where to search for copies of a path. `since` is in milliseconds since the epoch: older copies
 * are skipped.
 */
export interface CopiesOf {
  readonly areas: readonly ('aside' | 'trash' | 'conflicts')[];
  readonly since?: number;
}

/**
 * Finds a copy of `path` that `wanted` accepts, area by area, newest first. Returns its absolute
 * path; undefined if there is none. Another process may move it meanwhile. `land` restores
 * it.
 */
export async function findOwnCopy(
  place: Place,
  path: Path,
  wanted: (seen: Seen, hash: () => Promise<string | undefined>) => Promise<boolean>,
  { areas: names, since }: CopiesOf = everywhere,
): Promise<string | undefined> {
  const rest = belowDir(place, path);
  for (const area of names.map((name) => areas[name])) {
    for (const name of await listFolders(place, area)) {
      if (since !== undefined && !((timeOfName(name) ?? 0) >= since)) continue;
      const file = inPlace(place, `${area}/${name}/${rest}`);
      const stat = await place.disk.stat(file);
      if (stat?.kind !== 'file') continue;
      const { size, mtime, nanos } = stat;
      if (
        await wanted({ size, mtime, nanos }, () =>
          place.disk.hash(file, place.hashLimit ?? Infinity),
        )
      )
        return file;
    }
  }
  return undefined;
}

const everywhere: CopiesOf = { areas: ['aside', 'trash', 'conflicts'] };

/** Lists the folders of an area, newest first. Their names begin with the time. */
export async function listFolders(place: Place, area: string): Promise<string[]> {
  return ((await place.disk.list(inPlace(place, area))) ?? []).sort().reverse();
}
