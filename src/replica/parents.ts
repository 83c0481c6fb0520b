import { SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/path.js';
import { resolveInDir, type SyncDirLocation } from './areas.js';
import { quotePath } from './paths.js';

/**
 * Returns `path` relative to the sync dir of `location`.
 *
 * @throws BAD_PATH if it does not lie below the sync dir
 */
export function getPathInDir(location: SyncDirLocation, path: Path): string {
  if (path.startsWith(`${location.dir}/`)) return path.slice(location.dir.length + 1);
  throw new SyncMediaError(
    'BAD_PATH',
    `${quotePath(path)} does not lie below the sync dir ${quotePath(location.dir)}.`,
  );
}

/**
 * Makes the directories from the sync dir to the file at `path`, with mode 0755.
 *
 * @param known absolute paths of directories that this batch has already found; new ones are
 *   added
 * @throws SYMLINK_IN_PATH or NOT_A_FILE if one of them is a symlink or no directory
 */
export async function makeParentDirs(
  location: SyncDirLocation,
  path: Path,
  known = new Set<string>(),
): Promise<void> {
  const mode = 0o755;
  await walkParentDirs(location, location.dirPath, getPathInDir(location, path), known, (at) =>
    makeOneDir(location, at, mode),
  );
}

/** Whether all parent directories exist. Makes none. @throws as makeParentDirs */
export async function checkParentDirs(
  location: SyncDirLocation,
  path: Path,
  known = new Set<string>(),
): Promise<boolean> {
  return walkParentDirs(location, location.dirPath, getPathInDir(location, path), known, () =>
    Promise.resolve(false),
  );
}

/**
 * Whether all parent directories of a file in a working folder exist, `.syncmedia` included.
 * Makes none.
 *
 * @throws as makeParentDirs
 */
export async function checkOwnParentDirs(location: SyncDirLocation, at: string): Promise<boolean> {
  return walkParentDirs(location, location.dirPath, at, new Set(), () => Promise.resolve(false));
}

/** Makes the parent directories of `rest` below a working folder, which must exist. */
export async function makeOwnParentDirs(
  location: SyncDirLocation,
  folder: string,
  rest: string,
): Promise<void> {
  const mode = 0o700;
  await walkParentDirs(location, resolveInDir(location, folder), rest, new Set(), (at) =>
    makeOneDir(location, at, mode),
  );
}

/** Removes empty parent directories, from the file's own upwards, but not the sync dir. */
export async function pruneParentDirs(
  location: SyncDirLocation,
  path: Path,
  known?: Set<string>,
): Promise<void> {
  const rest = getPathInDir(location, path);
  for (let end = rest.lastIndexOf('/'); end > 0; end = rest.lastIndexOf('/', end - 1)) {
    const at = resolveInDir(location, rest.slice(0, end));
    // Tidying is optional: a directory that cannot be removed (a mount, another user's) stays.
    if (!(await location.disk.removeDirectory(at).catch(() => false))) return;
    known?.delete(at);
  }
}

async function makeOneDir({ disk }: SyncDirLocation, at: string, mode: number): Promise<boolean> {
  if (await disk.makeDirectory(at, mode)) return true;
  throw new SyncMediaError(
    'TRANSFER_FAILED',
    `${quotePath(at)} cannot be made: the directory it belongs in is missing.`,
  );
}

async function walkParentDirs(
  { disk }: SyncDirLocation,
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
  const stats = await Promise.allSettled(unknown.map((at) => disk.stat(at)));
  for (const [index, at] of unknown.entries()) {
    const stat = stats[index];
    if (stat?.status === 'rejected') throw stat.reason;
    const found = stat?.value;
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
