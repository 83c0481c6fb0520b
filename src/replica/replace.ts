import { hasErrorCode, SyncMediaError, type ErrorCode } from '../model/errors.js';
import type { Path } from '../model/path.js';
import { areas, resolveInDir, newName, type SyncDirLocation } from './areas.js';
import { makeNotAFileError } from './node-disk.js';
import { getPathInDir, makeOwnParentDirs } from './parents.js';
import { quotePath } from './paths.js';
import { removeEmptyDirs } from './walk.js';

/** How often a path is tried that others keep filling and emptying. */
const MAX_TRIES = 5;

/**
 * With these errors the disk answered that it did nothing. After any other error the operation
 * may have been done, or may still be.
 */
const DONE_NOTHING: readonly ErrorCode[] = [
  'LINK_FAILED',
  'DISK_FULL',
  'PERMISSION_DENIED',
  'NOT_A_FILE',
  'SYMLINK_IN_PATH',
  'BAD_PATH',
];

/**
 * Moves the file at the absolute path `file` to `path`. A file at `path` is first linked into the
 * replaced area, so that no crash loses it.
 *
 * @returns `replaced`: folders of the replaced area that hold unresolved files; 'vanished' if
 *   `file` was gone
 * @throws LINK_FAILED, with nothing replaced, if the file at `path` cannot be linked; NOT_A_FILE
 *   if it is no regular file
 */
export async function replaceFileAt(
  location: SyncDirLocation,
  path: Path,
  file: string,
): Promise<{ replacedFolders: readonly string[] } | 'vanished'> {
  const rest = getPathInDir(location, path);
  const target = resolveInDir(location, rest);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const placed = await placeIfAbsent(location, file, target);
    if (placed !== 'occupied') return placed === 'placed' ? { replacedFolders: [] } : 'vanished';
    const found = await location.disk.stat(target);
    if (found === undefined) continue;
    if (found.kind !== 'file') throw makeNotAFileError(target);
    const replacedFolder = await makeAreaFolder(location, areas.replaced, rest);
    const kept = resolveInDir(location, `${areas.replaced}/${replacedFolder}/${rest}`);
    if (!(await linkReplaced(location, target, kept))) continue;
    const late = resolveInDir(location, `${areas.tmp}/${newName()}`);
    const replaced = await renameOver(location, file, target, kept, late);
    if (!replaced) return 'vanished';
    return {
      replacedFolders:
        replaced === 'replaced another'
          ? [replacedFolder, ...(await keepLateArrival(location, late, rest))]
          : [replacedFolder],
    };
  }
  throw new SyncMediaError(
    'LINK_FAILED',
    `${quotePath(path)} is replaced and removed again and again while it should be kept.`,
  );
}

/**
 * Moves the file at the absolute path `file` to the absolute path `target` if nothing is there. A
 * link leaves no moment in which a file that arrives meanwhile could be lost. A disk without
 * links gets a look and a rename.
 */
export async function placeIfAbsent(
  location: SyncDirLocation,
  file: string,
  target: string,
): Promise<'placed' | 'occupied' | 'vanished'> {
  const { disk } = location;
  try {
    const linked = await disk.link(file, target);
    if (linked !== 'linked') return linked === 'exists' ? 'occupied' : 'vanished';
    await disk.remove(file);
    return 'placed';
  } catch (error) {
    if (!hasErrorCode(error, 'LINK_FAILED')) throw error;
    if ((await disk.stat(target)) !== undefined) return 'occupied';
    return (await disk.rename(file, target)) ? 'placed' : 'vanished';
  }
}

/**
 * Makes a new folder in an area, with the parent directories of `rest` below it, and returns its
 * name.
 */
export async function makeAreaFolder(
  location: SyncDirLocation,
  area: string,
  rest: string,
): Promise<string> {
  const name = newName();
  const make = (folder: string): Promise<boolean> =>
    location.disk.makeDirectory(resolveInDir(location, folder), 0o700);
  const isMarked = async (): Promise<boolean> =>
    (await location.disk.stat(resolveInDir(location, areas.marker))) !== undefined;
  // Another program may have removed the area meanwhile. Without its marker this is not our sync
  // dir.
  if (
    !(await make(`${area}/${name}`)) &&
    !((await isMarked()) && (await make(area)) && (await make(`${area}/${name}`)))
  ) {
    throw new SyncMediaError(
      'NO_MARKER',
      `${quotePath(resolveInDir(location, area))} is missing: mount the sync dir, or run ` +
        `\`syncmedia ` +
        `init\` on that host.`,
    );
  }
  await makeOwnParentDirs(location, `${area}/${name}`, rest);
  return name;
}

/** Returns the folder of a file's path. */
export function getFolderPath(at: string): string {
  return at.slice(0, at.lastIndexOf('/'));
}

async function linkReplaced(
  location: SyncDirLocation,
  target: string,
  kept: string,
): Promise<boolean> {
  try {
    if ((await location.disk.link(target, kept)) === 'linked') return true;
  } catch (error) {
    if (hasErrorCode(error, 'LINK_FAILED')) await removeReplacedFolder(location, kept);
    throw error;
  }
  await removeReplacedFolder(location, kept);
  return false;
}

/**
 * Renames the file over the one at `target`. If nothing was replaced, the second name `kept` goes
 * again; otherwise every try would leave one to resolve. A missing `file` may also mean that a
 * first try succeeded and its answer was lost. Then the bytes decide.
 */
async function renameOver(
  location: SyncDirLocation,
  file: string,
  target: string,
  kept: string,
  late: string,
): ReturnType<SyncDirLocation['disk']['replace']> {
  const { disk, hashLimit = Infinity } = location;
  try {
    const replaced = await disk.replace(file, target, kept, late);
    if (replaced) return replaced;
  } catch (error) {
    if (DONE_NOTHING.some((code) => hasErrorCode(error, code))) {
      await disk.remove(kept);
      await removeReplacedFolder(location, kept);
    }
    throw error;
  }
  const sha256 = await disk.hash(kept, hashLimit);
  if (sha256 !== undefined && sha256 === (await disk.hash(target, hashLimit))) {
    await disk.remove(kept);
    await removeReplacedFolder(location, kept);
  }
  return false;
}

/**
 * Keeps a file that came to the path after the first look. It is resolved like the one that was
 * there before.
 */
async function keepLateArrival(
  location: SyncDirLocation,
  late: string,
  rest: string,
): Promise<string[]> {
  const replacedFolder = await makeAreaFolder(location, areas.replaced, rest);
  return (await location.disk.rename(
    late,
    resolveInDir(location, `${areas.replaced}/${replacedFolder}/${rest}`),
  ))
    ? [replacedFolder]
    : [];
}

async function removeReplacedFolder(location: SyncDirLocation, kept: string): Promise<void> {
  await removeEmptyDirs(
    location,
    getFolderPath(kept.slice(location.dirPath.length + 1)),
    areas.replaced,
  );
}
