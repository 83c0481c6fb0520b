import { SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/path.js';
import { resolveInDir, type SyncDirLocation } from './areas.js';
import type { Disk } from './disk.js';
import { checkOwnParentDirs, checkParentDirs, getPathInDir } from './parents.js';
import { isSafePath, quotePath } from './paths.js';
import {
  parseRecoverableName,
  type RecoverableArea,
  type RecoverableName,
} from './recoverable-name.js';

/** A recoverable file that was found, and the path it belongs to. */
export interface KeptFile {
  readonly location: SyncDirLocation;
  readonly path: Path;
  readonly name: RecoverableName;
  /** Its absolute path on that disk. */
  readonly file: string;
}

/** The content of a file. `sha256` is absent if the file is larger than may be read. */
export interface KeptFileContent {
  size: number;
  mtime: Date;
  sha256?: string;
}

/** The sha256 of two files as somebody was shown them; null: there was no file at the path. */
export interface ShownContents {
  readonly kept?: string;
  readonly current?: string | null;
}

/**
 * Finds a recoverable file by its name. The sync dir must have its marker.
 * @throws BAD_PATH if none of the areas has such a file; SYMLINK_IN_PATH
 */
export async function findKeptFile(
  location: SyncDirLocation,
  areas: readonly RecoverableArea[],
  keptAs: string,
): Promise<KeptFile> {
  const name = parseRecoverableName(keptAs),
    path = `${location.dir}/${name?.rest ?? ''}`;
  if (!name || !areas.includes(name.area) || !isSafePath(path)) throw makeNotKeptError(keptAs);
  const file = resolveInDir(location, keptAs);
  if (
    !(await checkOwnParentDirs(location, keptAs)) ||
    (await location.disk.stat(file))?.kind !== 'file'
  )
    throw makeNotKeptError(keptAs);
  return { location, path, name, file };
}

/** Reads the content of a file; undefined if there is none. */
export async function readContent(
  disk: Disk,
  file: string,
  hashLimit = Infinity,
): Promise<KeptFileContent | undefined> {
  const stat = await disk.stat(file);
  if (stat?.kind !== 'file') return undefined;
  const sha256 = stat.size > hashLimit ? undefined : await disk.hash(file, hashLimit);
  return {
    size: stat.size,
    mtime: new Date(stat.mtime * 1000),
    ...(sha256 !== undefined && { sha256 }),
  };
}

/**
 * Returns where the file at the path of a kept file lies; undefined if its directory is missing.
 * @throws SYMLINK_IN_PATH, NOT_A_FILE
 */
export async function locateCurrent({
  location,
  path,
}: Pick<KeptFile, 'location' | 'path'>): Promise<string | undefined> {
  return (await checkParentDirs(location, path))
    ? resolveInDir(location, getPathInDir(location, path))
    : undefined;
}

/**
 * Requires that the kept file and the file at its path are still as they were shown.
 * @throws CHANGED
 */
export async function requireContents(
  { location, path, file }: KeptFile,
  { kept, current }: ShownContents,
): Promise<void> {
  if (kept === undefined && current === undefined) return;
  const { disk, hashLimit } = location;
  const keptNow = kept === undefined ? undefined : await readContent(disk, file, hashLimit);
  const atPath = current === undefined ? undefined : await locateCurrent({ location, path });
  const currentNow = atPath === undefined ? undefined : await readContent(disk, atPath, hashLimit);
  if (
    (kept !== undefined && keptNow?.sha256 !== kept) ||
    (current !== undefined && (currentNow?.sha256 ?? null) !== current)
  )
    throw new SyncMediaError(
      'CHANGED',
      `${quotePath(path)} or its conflict has other bytes than those that were shown: compare ` +
        'them again, then decide',
    );
}

export function makeNotKeptError(keptAs: string): SyncMediaError {
  return new SyncMediaError(
    'BAD_PATH',
    `${quotePath(keptAs)} is no kept file: "syncmedia trash list" and "syncmedia conflicts ` +
      `list" show them`,
  );
}
