import { hasErrorCode, type ErrorCode } from '../model/errors.js';
import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';
import type { Resolution, ReplacedBy } from '../model/resolution.js';
import {
  areas,
  resolveInDir,
  readDiskClock,
  toMilliseconds,
  type SyncDirLocation,
} from './areas.js';
import type { DiskStat, ReplacedFileResolver } from './disk.js';
import { nodeDisk, removeSpecialBits } from './node-disk.js';
import { makeParentDirs } from './parents.js';
import { isSafePath } from './paths.js';
import { getFolderPath, makeAreaFolder, placeIfAbsent, replaceFileAt } from './replace.js';
import { removeEmptyDirs, walkOwnFolder } from './walk.js';

/**
 * The result for one replaced file: `resolution` is what was done, `keptAs` is its new path
 * relative to the sync dir.
 */
export interface ResolvedFile {
  readonly path: Path;
  readonly info: LocalFileInfo;
  readonly resolution: Resolution;
  readonly keptAs?: string;
}

/**
 * Whether a placement or a removal put the file that it found back at the path. The receiver's
 * own file won then.
 */
export function isBackAtPath(resolved: readonly ResolvedFile[]): boolean {
  return resolved.some(
    ({ resolution }) => resolution === 'put-back-if-absent' || resolution === 'put-back',
  );
}

/**
 * A file that the app writes while its older bytes are put back replaces them again. After this
 * many rounds the bytes become a conflict for a person, since two resolvers that undo each other
 * for ever would be a fault.
 */
const MAX_PUT_BACKS = 2;

/**
 * Errors that say that nobody can place a file at the path now. After any other error the file
 * stays in the replaced area for a later try.
 */
const PATH_REFUSES: readonly ErrorCode[] = [
  'LINK_FAILED',
  'NOT_A_FILE',
  'SYMLINK_IN_PATH',
  'PERMISSION_DENIED',
  'BAD_PATH',
];

/** Errors that may concern one leftover alone, such as bytes that its disk cannot read. */
const OF_ONE_LEFTOVER: readonly ErrorCode[] = ['PERMISSION_DENIED', 'TRANSFER_FAILED'];

interface ReplacedFile {
  readonly location: SyncDirLocation;
  readonly path: Path;
  /**
   * `rest` is the path below the sync dir; `at` is where the file lies now, relative to the sync
   * dir.
   */
  readonly rest: string;
  readonly at: string;
  readonly info: LocalFileInfo;
}

/**
 * Resolves every file in one folder of the replaced area. Other processes may resolve the same
 * folder: a file that vanishes meanwhile is theirs. After an error the remaining files stay, and
 * are resolved later as leftovers.
 */
export async function resolveReplacedFolder(
  location: SyncDirLocation,
  folderName: string,
  by: ReplacedBy,
  resolver: ReplacedFileResolver,
): Promise<ResolvedFile[]> {
  const folder = `${areas.replaced}/${folderName}`;
  const resolved: ResolvedFile[] = [];
  for await (const { at, stat } of walkOwnFolder(location, folder)) {
    if (stat.kind === 'directory') await location.disk.removeDirectory(resolveInDir(location, at));
    else
      resolved.push(
        ...(await resolveFoundFile(
          location,
          at,
          at.slice(folder.length + 1),
          stat,
          by,
          resolver,
          0,
        )),
      );
  }
  await location.disk.removeDirectory(resolveInDir(location, folder));
  return resolved;
}

/**
 * Resolves the file at `rest` in a folder of the replaced area, then removes the directories that
 * this empties.
 */
export async function resolveReplacedFile(
  location: SyncDirLocation,
  folderName: string,
  rest: string,
  by: ReplacedBy,
  resolver: ReplacedFileResolver,
  putBacks = 0,
): Promise<ResolvedFile[]> {
  const at = `${areas.replaced}/${folderName}/${rest}`;
  const stat = await location.disk.stat(resolveInDir(location, at));
  const resolved =
    stat === undefined
      ? []
      : await resolveFoundFile(location, at, rest, stat, by, resolver, putBacks);
  await removeEmptyDirs(location, getFolderPath(at), areas.replaced);
  return resolved;
}

/**
 * Resolves files that a crash left in the replaced area more than `olderThanMs` ago, by that
 * disk's clock. Younger folders may still be in use. A folder that cannot be resolved is reported
 * to the resolver, and stays for the next time.
 */
export async function resolveLeftovers(
  location: SyncDirLocation,
  resolver: ReplacedFileResolver,
  olderThanMs: number,
): Promise<ResolvedFile[]> {
  const names = (await location.disk.list(resolveInDir(location, areas.replaced))) ?? [];
  if (names.length === 0) return [];
  const now = await readDiskClock(location);
  const resolved: ResolvedFile[] = [];
  for (const name of names.sort()) {
    const folder = resolveInDir(location, `${areas.replaced}/${name}`);
    try {
      const stat = await location.disk.stat(folder);
      if (stat?.kind !== 'directory' || now - toMilliseconds(stat) < olderThanMs) continue;
      resolved.push(...(await resolveReplacedFolder(location, name, 'leftover', resolver)));
    } catch (error) {
      if (!OF_ONE_LEFTOVER.some((code) => hasErrorCode(error, code))) throw error;
      resolver.onUnresolved?.(folder, error);
    }
  }
  return resolved;
}

async function resolveFoundFile(
  location: SyncDirLocation,
  at: string,
  rest: string,
  stat: DiskStat,
  by: ReplacedBy,
  resolver: ReplacedFileResolver,
  putBacks: number,
): Promise<ResolvedFile[]> {
  const path = `${location.dir}/${rest}`;
  if (!isSafePath(path)) return [];
  const { size, mtime, nanos } = stat;
  const file: ReplacedFile = { location, path, rest, at, info: { size, mtime, nanos } };
  // No entry can know a symlink or special file that was swapped in at the last moment.
  if (stat.kind !== 'file') return keepAsConflict(file, resolver);
  const resolution = await resolver(path, file.info, by, () =>
    location.disk.hash(resolveInDir(location, at), location.hashLimit ?? Infinity),
  );
  switch (resolution) {
    case 'drop':
      await location.disk.remove(resolveInDir(location, at));
      return [{ path, info: file.info, resolution }];
    case 'trash':
      return moveToArea(areas.trash, resolution, file);
    case 'conflict':
      return keepAsConflict(file, resolver);
    case 'put-back-if-absent':
      return placeOrKeepAsConflict(file, resolver, () => putBackIfAbsent(file, resolver));
    case 'put-back':
      return putBacks < MAX_PUT_BACKS
        ? placeOrKeepAsConflict(file, resolver, () => putBackFile(file, resolver, putBacks))
        : keepAsConflict(file, resolver);
  }
}

async function moveToArea(
  area: string,
  resolution: Resolution,
  { location, path, rest, at, info }: ReplacedFile,
): Promise<ResolvedFile[]> {
  const keptAs = `${area}/${await makeAreaFolder(location, area, rest)}/${rest}`;
  if (await location.disk.rename(resolveInDir(location, at), resolveInDir(location, keptAs)))
    return [{ path, info, resolution, keptAs }];
  await removeEmptyDirs(location, getFolderPath(keptAs), area);
  return [];
}

async function keepAsConflict(
  file: ReplacedFile,
  resolver: ReplacedFileResolver,
): Promise<ResolvedFile[]> {
  if (await hasSameBytesAtPath(file)) {
    await file.location.disk.remove(resolveInDir(file.location, file.at));
    return [{ path: file.path, info: file.info, resolution: 'drop' }];
  }
  const kept = await moveToArea(areas.conflicts, 'conflict', file);
  if (kept.length > 0) resolver.onConflict?.(file.path);
  return kept;
}

async function putBackIfAbsent(
  file: ReplacedFile,
  resolver: ReplacedFileResolver,
): Promise<ResolvedFile[]> {
  const { location, path, rest, at, info } = file;
  if (location.disk === nodeDisk) await removeSpecialBits(resolveInDir(location, at));
  await makeParentDirs(location, path);
  const placed = await placeIfAbsent(
    location,
    resolveInDir(location, at),
    resolveInDir(location, rest),
  );
  if (placed === 'occupied') return keepAsConflict(file, resolver);
  return placed === 'placed' ? [{ path, info, resolution: 'put-back-if-absent' }] : [];
}

/**
 * Whether the path has the same bytes by now, for example when a delete met a delivery. Then
 * there is no conflict.
 */
async function hasSameBytesAtPath({ location, rest, at, info }: ReplacedFile): Promise<boolean> {
  const [there, limit] = [
    await location.disk.stat(resolveInDir(location, rest)),
    location.hashLimit ?? Infinity,
  ];
  if (
    there?.kind !== 'file' ||
    there.size !== info.size ||
    (await location.disk.stat(resolveInDir(location, at)))?.kind !== 'file'
  )
    return false;
  const mine = await location.disk.hash(resolveInDir(location, at), limit);
  return (
    mine !== undefined && mine === (await location.disk.hash(resolveInDir(location, rest), limit))
  );
}

async function putBackFile(
  { location, path, rest, at, info }: ReplacedFile,
  resolver: ReplacedFileResolver,
  putBacks: number,
): Promise<ResolvedFile[]> {
  if (location.disk === nodeDisk) await removeSpecialBits(resolveInDir(location, at));
  await makeParentDirs(location, path);
  const result = await replaceFileAt(location, path, resolveInDir(location, at));
  if (result === 'vanished') return [];
  // A rename between two names of one file does nothing. The path has the bytes, so this second
  // name must go.
  await location.disk.remove(resolveInDir(location, at));
  const resolved: ResolvedFile[] = [{ path, info, resolution: 'put-back' }];
  for (const replacedFolder of result.replacedFolders)
    resolved.push(
      ...(await resolveReplacedFile(
        location,
        replacedFolder,
        rest,
        'put-back',
        resolver,
        putBacks + 1,
      )),
    );
  return resolved;
}

async function placeOrKeepAsConflict(
  file: ReplacedFile,
  resolver: ReplacedFileResolver,
  location: () => Promise<ResolvedFile[]>,
): Promise<ResolvedFile[]> {
  try {
    return await location();
  } catch (error) {
    if (!PATH_REFUSES.some((code) => hasErrorCode(error, code))) throw error;
    return keepAsConflict(file, resolver);
  }
}
