import { hasCode, SyncMediaError } from '../errors/errors.js';
import type { Path } from '../words.js';
import { areas, inPlace, type Place } from './areas.js';
import { judgeOne, type Judged } from './aside.js';
import type { Judge } from './disk.js';
import { localDisk, notAFile, removeSpecialBits } from './local-disk.js';
import { belowDir, checkParents, makeParents, pruneParents } from './parents.js';
import { quotePath } from './paths.js';
import { folderOf, makeFolder, replaceAt } from './replace.js';
import { removeEmptied } from './walk.js';

/** The finished file was gone from where it lay: nothing was placed. */
export class VanishedError extends SyncMediaError {
  constructor(path: Path) {
    super('TRANSFER_FAILED', `The received file for ${quotePath(path)} vanished before it could be placed.`);
  }
}

/** How often the directories on the way are made anew. */
const MAX_TRIES = 3;

/**
 * Places a finished file: `tmpFile`, absolute, flushed and complete, in the tmp area (or a copy that findOwnCopy found) becomes
 * `path`. Missing directories on the way are made. What was replaced is judged, and the answer says where it went.
 *
 * When this throws, the file may or may not have landed, and what it replaced is still at the path or aside.
 *
 * @param known as for makeParents: in a batch, each directory on the way is looked at once
 * @throws LINK_FAILED with nothing replaced, where what lies there cannot be linked aside; NOT_A_FILE where it is no regular file;
 *   SYMLINK_IN_PATH; TRANSFER_FAILED where `tmpFile` is gone; what the disk and `judge` throw
 */
export async function land(place: Place, path: Path, tmpFile: string, judge: Judge, known?: Set<string>): Promise<Judged[]> {
  if (place.disk === localDisk) await removeSpecialBits(tmpFile);
  const replaced = await makeAndReplace(place, path, tmpFile, known);
  if (replaced === 'vanished') throw new VanishedError(path);
  const judged: Judged[] = [];
  for (const aside of replaced.aside) judged.push(...(await judgeOne(place, aside, belowDir(place, path), 'replaced', judge)));
  return judged;
}

/** A removal may prune a directory between our look and the rename: then it is made again. */
async function makeAndReplace(place: Place, path: Path, tmpFile: string, known?: Set<string>): ReturnType<typeof replaceAt> {
  for (let tries = 1; ; tries++) {
    await makeParents(place, path, tries === 1 ? known : undefined);
    try {
      return await replaceAt(place, path, tmpFile);
    } catch (error) {
      if (tries >= MAX_TRIES || (await checkParents(place, path))) throw error;
    }
  }
}

/**
 * Takes the file at `path` away, into the aside area, and has it judged; nothing where nothing is there, or a directory, or where a file
 * lies in the place of its directory. Directories that this empties are removed, up to the sync dir.
 *
 * @throws NOT_A_FILE where a symlink or a special file is there; SYMLINK_IN_PATH; what the disk and `judge` throw
 */
export async function remove(place: Place, path: Path, judge: Judge, known?: Set<string>): Promise<Judged[]> {
  if (!(await isReached(place, path, known))) return [];
  const rest = belowDir(place, path);
  const target = inPlace(place, rest);
  const found = await place.disk.stat(target);
  if (found === undefined || found.kind === 'directory') return [];
  if (found.kind !== 'file') throw notAFile(target);
  const aside = await makeFolder(place, areas.aside, rest);
  const at = `${areas.aside}/${aside}/${rest}`;
  if (await place.disk.rename(target, inPlace(place, at))) {
    const judged = await judgeOne(place, aside, rest, 'removed', judge);
    await pruneParents(place, path, known);
    return judged;
  }
  await removeEmptied(place, folderOf(at), areas.aside);
  return [];
}

async function isReached(place: Place, path: Path, known?: Set<string>): Promise<boolean> {
  try {
    return await checkParents(place, path, known);
  } catch (error) {
    if (hasCode(error, 'NOT_A_FILE')) return false;
    throw error;
  }
}

export { areas, newName, prepareAreas, prepareMissing, type Place } from './areas.js';
export { isBackAtPath, judgeAside, judgeLeftovers, type Judged } from './aside.js';
export { cleanTmp, cleanTrash } from './clean.js';
export { discardKept, findOwnCopy, listKept, type Kept } from './kept.js';
export { makeParents } from './parents.js';
