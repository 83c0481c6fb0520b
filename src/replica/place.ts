import { hasErrorCode, SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/path.js';
import { areas, resolveInDir, type SyncDirLocation } from './areas.js';
import { resolveReplacedFile, type ResolvedFile } from './replaced.js';
import type { ReplacedFileResolver } from './disk.js';
import { nodeDisk, makeNotAFileError, removeSpecialBits } from './node-disk.js';
import { getPathInDir, checkParentDirs, makeParentDirs, pruneParentDirs } from './parents.js';
import { quotePath } from './paths.js';
import { getFolderPath, makeAreaFolder, replaceFileAt } from './replace.js';
import { removeEmptyDirs } from './walk.js';

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
 * area, flushed and complete, or a copy that `findRecoverableCopy` found. Missing parent
 * directories are made. Files that this replaces are resolved; the answer says where they went.
 *
 * If this throws, the file may or may not have been placed. The file that it replaced is still at
 * the path or in the replaced area.
 *
 * @param known as for makeParentDirs: in a batch, each parent directory is looked at once
 * @throws LINK_FAILED with nothing replaced, if the file at the path cannot be linked into the
 *   replaced area; NOT_A_FILE if it is no regular file; SYMLINK_IN_PATH; TRANSFER_FAILED if
 *   `tmpFile` is gone; what the disk and the resolver throw
 */
export async function placeFile(
  location: SyncDirLocation,
  path: Path,
  tmpFile: string,
  resolver: ReplacedFileResolver,
  known?: Set<string>,
): Promise<ResolvedFile[]> {
  if (location.disk === nodeDisk) await removeSpecialBits(tmpFile);
  const result = await makeParentsAndReplace(location, path, tmpFile, known);
  if (result === 'vanished') throw new VanishedError(path);
  const resolved: ResolvedFile[] = [];
  for (const replacedFolder of result.replacedFolders)
    resolved.push(
      ...(await resolveReplacedFile(
        location,
        replacedFolder,
        getPathInDir(location, path),
        'replaced',
        resolver,
      )),
    );
  return resolved;
}

/**
 * A removal may prune a directory between the look and the rename. Then the directory is made
 * again.
 */
async function makeParentsAndReplace(
  location: SyncDirLocation,
  path: Path,
  tmpFile: string,
  known?: Set<string>,
): ReturnType<typeof replaceFileAt> {
  for (let tries = 1; ; tries++) {
    await makeParentDirs(location, path, tries === 1 ? known : undefined);
    try {
      return await replaceFileAt(location, path, tmpFile);
    } catch (error) {
      if (tries >= MAX_TRIES || (await checkParentDirs(location, path))) throw error;
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
export async function removeFile(
  location: SyncDirLocation,
  path: Path,
  resolver: ReplacedFileResolver,
  known?: Set<string>,
): Promise<ResolvedFile[]> {
  if (!(await isReached(location, path, known))) return [];
  const rest = getPathInDir(location, path);
  const target = resolveInDir(location, rest);
  const found = await location.disk.stat(target);
  if (found === undefined || found.kind === 'directory') return [];
  if (found.kind !== 'file') throw makeNotAFileError(target);
  const replacedFolder = await makeAreaFolder(location, areas.replaced, rest);
  const at = `${areas.replaced}/${replacedFolder}/${rest}`;
  if (await location.disk.rename(target, resolveInDir(location, at))) {
    const resolved = await resolveReplacedFile(location, replacedFolder, rest, 'removed', resolver);
    await pruneParentDirs(location, path, known);
    return resolved;
  }
  await removeEmptyDirs(location, getFolderPath(at), areas.replaced);
  return [];
}

async function isReached(
  location: SyncDirLocation,
  path: Path,
  known?: Set<string>,
): Promise<boolean> {
  try {
    return await checkParentDirs(location, path, known);
  } catch (error) {
    if (hasErrorCode(error, 'NOT_A_FILE')) return false;
    throw error;
  }
}
