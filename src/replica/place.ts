import { hasCode, SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/words.js';
import { areas, inPlace, type Place } from './areas.js';
import { judgeOne, type Judged } from './replaced.js';
import type { Judge } from './disk.js';
import { localDisk, notAFile, removeSpecialBits } from './node-disk.js';
import { belowDir, checkParents, makeParents, pruneParents } from './parents.js';
import { quotePath } from './paths.js';
import { folderOf, makeFolder, replaceAt } from './replace.js';
import { removeEmptied } from './walk.js';

/** The finished file had vanished from the tmp area, so nothing was placed. */
export class VanishedError extends SyncMediaError {
  constructor(path: Path) {
    super(
      'TRANSFER_FAILED',
      `The received file for ${quotePath(path)} vanished before it could be placed.`,
    );
  }
}

/** How often the parent directories are made anew. */
const MAX_TRIES = 3;

/**
 * Places a finished file: moves `tmpFile` to `path`. `tmpFile` is an absolute path in the tmp
 * area, flushed and complete, or a copy that `findOwnCopy` found. Missing parent
 * directories are made. Files that this replaces are resolved; the answer says where they went.
 *
 * If this throws, the file may or may not have been placed. The file that it replaced is still at
 * the path or in the replaced area.
 *
 * @param known as for makeParents: in a batch, each parent directory is looked at once
 * @throws LINK_FAILED with nothing replaced, if the file at the path cannot be linked into the
 *   replaced area; NOT_A_FILE if it is no regular file; SYMLINK_IN_PATH; TRANSFER_FAILED if
 *   `tmpFile` is gone; what the disk and the resolver throw
 */
export async function land(
  place: Place,
  path: Path,
  tmpFile: string,
  judge: Judge,
  known?: Set<string>,
): Promise<Judged[]> {
  if (place.disk === localDisk) await removeSpecialBits(tmpFile);
  const replaced = await makeAndReplace(place, path, tmpFile, known);
  if (replaced === 'vanished') throw new VanishedError(path);
  const judged: Judged[] = [];
  for (const aside of replaced.aside)
    judged.push(...(await judgeOne(place, aside, belowDir(place, path), 'replaced', judge)));
  return judged;
}

/**
 * A removal may prune a directory between the look and the rename. Then the directory is made
 * again.
 */
async function makeAndReplace(
  place: Place,
  path: Path,
  tmpFile: string,
  known?: Set<string>,
): ReturnType<typeof replaceAt> {
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
 * Moves the file at `path` into the replaced area and resolves it. Does nothing if the path is
 * absent or a directory, or if a file lies in the place of a parent directory. Removes
 * directories that this empties, up to the sync dir.
 *
 * @throws NOT_A_FILE if a symlink or a special file is there; SYMLINK_IN_PATH; what the disk and
 *   the resolver throw
 */
export async function remove(
  place: Place,
  path: Path,
  judge: Judge,
  known?: Set<string>,
): Promise<Judged[]> {
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
