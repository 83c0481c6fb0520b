import { SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/words.js';
import { inPlace, type Place } from './areas.js';
import { quotePath } from './paths.js';

/**
 * Returns `path` relative to the sync dir of `location`.
 *
 * @throws BAD_PATH if it does not lie below the sync dir
 */
export function belowDir(place: Place, path: Path): string {
  if (path.startsWith(`${place.dir}/`)) return path.slice(place.dir.length + 1);
  throw new SyncMediaError(
    'BAD_PATH',
    `${quotePath(path)} does not lie below the sync dir ${quotePath(place.dir)}.`,
  );
}

/**
 * Makes the directories from the sync dir to the file at `path`, with mode 0755.
 *
 * @param known absolute paths of directories that this batch has already found; new ones are
 *   added
 * @throws SYMLINK_IN_PATH or NOT_A_FILE if one of them is a symlink or no directory
 */
export async function makeParents(
  place: Place,
  path: Path,
  known = new Set<string>(),
): Promise<void> {
  const mode = 0o755;
  await walkLevels(place, place.dirPath, belowDir(place, path), known, (at) =>
    make(place, at, mode),
  );
}

/** Whether all parent directories exist. Makes none. @throws as makeParents */
export async function checkParents(
  place: Place,
  path: Path,
  known = new Set<string>(),
): Promise<boolean> {
  return walkLevels(place, place.dirPath, belowDir(place, path), known, () =>
    Promise.resolve(false),
  );
}

/**
 * Whether all parent directories of a file in a working folder exist, `.syncmedia` included.
 * Makes none.
 *
 * @throws as makeParents
 */
export async function checkOwnParents(place: Place, at: string): Promise<boolean> {
  return walkLevels(place, place.dirPath, at, new Set(), () => Promise.resolve(false));
}

/** Makes the parent directories of `rest` below a working folder, which must exist. */
export async function makeOwnParents(place: Place, folder: string, rest: string): Promise<void> {
  const mode = 0o700;
  await walkLevels(place, inPlace(place, folder), rest, new Set(), (at) => make(place, at, mode));
}

/** Removes empty parent directories, from the file's own upwards, but not the sync dir. */
export async function pruneParents(place: Place, path: Path, known?: Set<string>): Promise<void> {
  const rest = belowDir(place, path);
  for (let end = rest.lastIndexOf('/'); end > 0; end = rest.lastIndexOf('/', end - 1)) {
    const at = inPlace(place, rest.slice(0, end));
    // Tidying is optional: a directory that cannot be removed (a mount, another user's) stays.
    if (!(await place.disk.removeDirectory(at).catch(() => false))) return;
    known?.delete(at);
  }
}

async function make({ disk }: Place, at: string, mode: number): Promise<boolean> {
  if (await disk.makeDirectory(at, mode)) return true;
  throw new SyncMediaError(
    'TRANSFER_FAILED',
    `${quotePath(at)} cannot be made: the directory it belongs in is missing.`,
  );
}

async function walkLevels(
  { disk }: Place,
  base: string,
  rest: string,
  known: Set<string>,
  onMissing: (at: string) => Promise<boolean>,
): Promise<boolean> {
  const levels: string[] = [];
  for (let slash = rest.indexOf('/'); slash !== -1; slash = rest.indexOf('/', slash + 1))
    levels.push(`${base}/${rest.slice(0, slash)}`);
  const unknown = levels.filter((at) => !known.has(at));
  // All are requested at once, since each is a round trip on another host. The answers count in
  // order, so nothing behind a symlink counts.
  const looks = await Promise.allSettled(unknown.map((at) => disk.stat(at)));
  for (const [index, at] of unknown.entries()) {
    const look = looks[index];
    if (look?.status === 'rejected') throw look.reason;
    const found = look?.value;
    if (found?.kind === 'symlink') {
      throw new SyncMediaError(
        'SYMLINK_IN_PATH',
        `${quotePath(at)} is a symlink: below a sync dir only real directories are followed; ` +
          `replace it by one.`,
      );
    }
    if (found !== undefined && found.kind !== 'directory') {
      throw new SyncMediaError(
        'NOT_A_FILE',
        `${quotePath(at)} is in the way: a directory is needed there.`,
      );
    }
    if (found === undefined && !(await onMissing(at))) return false;
    known.add(at);
  }
  return true;
}
