import { hasCode, SyncMediaError, type ErrorCode } from '../model/errors.js';
import type { Path } from '../model/words.js';
import { areas, inPlace, newName, type Place } from './areas.js';
import { notAFile } from './node-disk.js';
import { belowDir, makeOwnParents } from './parents.js';
import { quotePath } from './paths.js';
import { removeEmptied } from './walk.js';

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
export async function replaceAt(
  place: Place,
  path: Path,
  file: string,
): Promise<{ aside: readonly string[] } | 'vanished'> {
  const rest = belowDir(place, path);
  const target = inPlace(place, rest);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const placed = await placeWhereEmpty(place, file, target);
    if (placed !== 'occupied') return placed === 'placed' ? { aside: [] } : 'vanished';
    const found = await place.disk.stat(target);
    if (found === undefined) continue;
    if (found.kind !== 'file') throw notAFile(target);
    const aside = await makeFolder(place, areas.aside, rest);
    const kept = inPlace(place, `${areas.aside}/${aside}/${rest}`);
    if (!(await linkAside(place, target, kept))) continue;
    const late = inPlace(place, `${areas.tmp}/${newName()}`);
    const replaced = await renameOver(place, file, target, kept, late);
    if (!replaced) return 'vanished';
    return {
      aside:
        replaced === 'replaced another' ? [aside, ...(await keepLate(place, late, rest))] : [aside],
    };
  }
  throw new SyncMediaError(
    'LINK_FAILED',
    `${quotePath(path)} is replaced and removed again and again while it is to be kept aside.`,
  );
}

/**
 * Moves the file at the absolute path `file` to the absolute path `target` if nothing is there. A
 * link leaves no moment in which a file that arrives meanwhile could be lost. A disk without
 * links gets a look and a rename.
 */
export async function placeWhereEmpty(
  place: Place,
  file: string,
  target: string,
): Promise<'placed' | 'occupied' | 'vanished'> {
  const { disk } = place;
  try {
    const linked = await disk.link(file, target);
    if (linked !== 'linked') return linked === 'exists' ? 'occupied' : 'vanished';
    await disk.remove(file);
    return 'placed';
  } catch (error) {
    if (!hasCode(error, 'LINK_FAILED')) throw error;
    if ((await disk.stat(target)) !== undefined) return 'occupied';
    return (await disk.rename(file, target)) ? 'placed' : 'vanished';
  }
}

/**
 * Makes a new folder in an area, with the parent directories of `rest` below it, and returns its
 * name.
 */
export async function makeFolder(place: Place, area: string, rest: string): Promise<string> {
  const name = newName();
  const make = (folder: string): Promise<boolean> =>
    place.disk.makeDirectory(inPlace(place, folder), 0o700);
  const isMarked = async (): Promise<boolean> =>
    (await place.disk.stat(inPlace(place, areas.marker))) !== undefined;
  // Another program may have removed the area meanwhile. Without its marker this is not our sync
  // dir.
  if (
    !(await make(`${area}/${name}`)) &&
    !((await isMarked()) && (await make(area)) && (await make(`${area}/${name}`)))
  ) {
    throw new SyncMediaError(
      'NO_MARKER',
      `${quotePath(inPlace(place, area))} is missing: mount the sync dir, or run \`syncmedia ` +
        `init\` on that host.`,
    );
  }
  await makeOwnParents(place, `${area}/${name}`, rest);
  return name;
}

/** Returns the folder of a file's path. */
export function folderOf(at: string): string {
  return at.slice(0, at.lastIndexOf('/'));
}

async function linkAside(place: Place, target: string, kept: string): Promise<boolean> {
  try {
    if ((await place.disk.link(target, kept)) === 'linked') return true;
  } catch (error) {
    if (hasCode(error, 'LINK_FAILED')) await removeFolder(place, kept);
    throw error;
  }
  await removeFolder(place, kept);
  return false;
}

/**
 * Renames the file over the one at `target`. If nothing was replaced, the second name `kept` goes
 * again; otherwise every try would leave one to resolve. A missing `file` may also mean that a
 * first try succeeded and its answer was lost. Then the bytes decide.
 */
async function renameOver(
  place: Place,
  file: string,
  target: string,
  kept: string,
  late: string,
): ReturnType<Place['disk']['replace']> {
  const { disk, hashLimit = Infinity } = place;
  try {
    const replaced = await disk.replace(file, target, kept, late);
    if (replaced) return replaced;
  } catch (error) {
    if (DONE_NOTHING.some((code) => hasCode(error, code))) {
      await disk.remove(kept);
      await removeFolder(place, kept);
    }
    throw error;
  }
  const sha256 = await disk.hash(kept, hashLimit);
  if (sha256 !== undefined && sha256 === (await disk.hash(target, hashLimit))) {
    await disk.remove(kept);
    await removeFolder(place, kept);
  }
  return false;
}

/**
 * Keeps a file that came to the path after the first look. It is resolved like the one that was
 * there before.
 */
async function keepLate(place: Place, late: string, rest: string): Promise<string[]> {
  const aside = await makeFolder(place, areas.aside, rest);
  return (await place.disk.rename(late, inPlace(place, `${areas.aside}/${aside}/${rest}`)))
    ? [aside]
    : [];
}

async function removeFolder(place: Place, kept: string): Promise<void> {
  await removeEmptied(place, folderOf(kept.slice(place.dirPath.length + 1)), areas.aside);
}
