import { isUtf8 } from 'node:buffer';
import type { BigIntStats, Dir, Dirent } from 'node:fs';
import { lstat, opendir, stat } from 'node:fs/promises';
import { hasErrorCode, SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';
import type { SyncDir } from '../model/sync-dir.js';
import type { DirectoryIds } from './directory-ids.js';
import type { DiskStat } from './disk.js';
import { toDiskError, getErrno, isAbsence } from './disk-errors.js';
import { compileExclude, type ExcludeMatcher } from './exclude.js';
import { nodeDisk } from './node-disk.js';
import { readMarker } from './marker.js';
import { isSafePath, OWN_FOLDER, quotePath } from './paths.js';
import { pickLocalFileInfo } from './file-info.js';

/** Which part of a sync dir a scan covers. Default: all of it. */
export interface ScanScope {
  /**
   * Milliseconds since the epoch. Skips the files of directories in which nothing was made,
   * renamed or removed since then.
   */
  readonly changedSince?: number;
  /**
   * The directories of the previous scan. The files of any other directory are not skipped, nor
   * are those below it.
   */
  readonly known?: DirectoryIds;
  /** Filled with the directories of this scan. Complete once the scan has ended. */
  readonly walked?: DirectoryIds;
}

/**
 * What to walk. `dirPath` is where `dir` lies on this disk; `isSyncDir` recognises nested sync
 * dirs.
 */
interface ScanTarget extends ScanScope {
  readonly dir: SyncDir;
  readonly dirPath: string;
  readonly isSyncDir: (path: string) => boolean;
}

/**
 * Called for a name that cannot be synced, with the reason. The text may differ from the exact
 * name.
 */
export type OnRefusedName = (pathAsText: string, why: string) => void;

export interface ScannedFile {
  readonly path: Path;
  readonly info: LocalFileInfo;
}

/** Names that are read at once. A walk keeps this many in memory for each level. */
const BATCH_SIZE = 64;
/** PATH_MAX without the final NUL. */
const MAX_ABSOLUTE_BYTES = 4095;

/**
 * A directory that is being read. `rest` is its path below the sync dir with a final slash, empty
 * for the sync dir itself. `isNew`: this directory, or a parent, is not the one that lay at its
 * path before. `takesFiles`: its files are not skipped.
 */
interface ScanLevel {
  readonly handle: Dir;
  readonly rest: string;
  readonly isNew: boolean;
  readonly takesFiles: boolean;
  toEnter: string[];
}

/** Yields every regular file that the rules let through, in no order. */
export async function* scanSyncDir(
  target: ScanTarget,
  signal: AbortSignal,
  onRefused: OnRefusedName,
): AsyncGenerator<ScannedFile, void, undefined> {
  const marker = await requireScanMarker(target);
  const exclude = compileExclude(target.dir.exclude);
  const levels: ScanLevel[] = [];
  try {
    await enterDirectory(target, '', undefined, levels, onRefused);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      if (signal.aborted)
        throw new SyncMediaError(
          'CANCELLED',
          `The scan of ${quotePath(target.dir.path)} was cancelled.`,
          { cause: signal.reason },
        );
      const next = level.toEnter.pop();
      if (next !== undefined) {
        await enterDirectory(target, next, level, levels, onRefused);
        continue;
      }
      const names = await readNameBatch(level);
      if (names.length === 0) {
        levels.pop();
        await level.handle.close();
        continue;
      }
      const files = pickFiles(target, level, names, exclude, onRefused);
      const stats = await Promise.all(files.map((rest) => statOrRefuse(target, rest, onRefused)));
      for (const [index, rest] of files.entries()) {
        const found = stats[index];
        if (found?.kind !== 'file') continue;
        yield { path: `${target.dir.path}/${rest}` as Path, info: pickLocalFileInfo(found) };
      }
    }
  } finally {
    for (const { handle } of levels) await handle.close();
  }
  // If the sync dir was unmounted during the walk, the absence of files means nothing.
  if ((await requireScanMarker(target)) !== marker)
    throw makeNoMarkerError(target, 'another file system was mounted there meanwhile');
}

/** Stats a file. In a directory that may be read but not entered, every stat is refused. */
async function statOrRefuse(
  target: ScanTarget,
  rest: string,
  onRefused: OnRefusedName,
): Promise<DiskStat | undefined> {
  try {
    return await nodeDisk.stat(`${target.dirPath}/${rest}`);
  } catch (error) {
    if (!hasErrorCode(error, 'PERMISSION_DENIED')) throw error;
    onRefused(`${target.dir.path}/${rest}`, 'its directory may not be entered');
    return undefined;
  }
}

/**
 * Sorts a batch: returns the files, queues the directories, skips symlinks and refuses the rest.
 */
function pickFiles(
  target: ScanTarget,
  level: ScanLevel,
  names: Dirent<Buffer>[],
  exclude: ExcludeMatcher,
  onRefused: OnRefusedName,
): string[] {
  const files: string[] = [];
  for (const entry of names) {
    const isDirectory = entry.isDirectory();
    if (entry.isSymbolicLink()) continue;
    const name = entry.name.toString();
    const rest = level.rest + name;
    const path = `${target.dir.path}/${rest}`;
    if (name === OWN_FOLDER || exclude.matches(rest, isDirectory)) continue;
    if (!isDirectory && !entry.isFile()) onRefused(path, 'it is a FIFO, a socket or a device');
    else if (!isUtf8(entry.name)) onRefused(path, 'the name is not valid UTF-8');
    else if (!isSafePath(path) || isTooLong(target, rest)) onRefused(path, 'the path is too long');
    else if (!isDirectory) {
      if (level.takesFiles) files.push(rest);
    } else if (!target.isSyncDir(path)) level.toEnter.push(rest);
  }
  return files;
}

/**
 * Below a long root a path can be too long for the kernel. Most paths are far shorter, and need
 * no counting.
 */
function isTooLong({ dirPath }: ScanTarget, rest: string): boolean {
  return (
    dirPath.length + rest.length >= MAX_ABSOLUTE_BYTES / 4 &&
    Buffer.byteLength(`${dirPath}/${rest}`) > MAX_ABSOLUTE_BYTES
  );
}

/**
 * Opens a directory to read it, unless it became something else meanwhile. Refuses an unreadable
 * one.
 */
async function enterDirectory(
  target: ScanTarget,
  rest: string,
  parent: ScanLevel | undefined,
  levels: ScanLevel[],
  onRefused: OnRefusedName,
): Promise<void> {
  const path = rest === '' ? target.dirPath : `${target.dirPath}/${rest}`;
  try {
    const before = await (rest === '' ? stat : lstat)(path, { bigint: true });
    if (!before.isDirectory()) return;
    // Node accepts a Buffer encoding here, which its types lack.
    const handle = await opendir(path, {
      encoding: 'buffer' as BufferEncoding,
      bufferSize: BATCH_SIZE,
    });
    try {
      // Stat after opening: the next scan finds any later change.
      const { ctimeMs } =
        target.changedSince === undefined && !target.walked
          ? before
          : await restatDirectory(target, rest, path, before);
      const isNew = parent?.isNew === true || target.known?.has(rest, before) === false;
      const takesFiles =
        isNew ||
        target.changedSince === undefined ||
        Number(ctimeMs) >= Math.floor(target.changedSince);
      levels.push({ handle, rest: rest === '' ? '' : `${rest}/`, isNew, takesFiles, toEnter: [] });
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    if (rest === '') throw toDiskError(error, 'scanning', path);
    if (isAbsence(error)) return;
    if (!['EACCES', 'EPERM'].includes(getErrno(error) ?? ''))
      throw toDiskError(error, 'scanning', path);
    onRefused(`${target.dir.path}/${rest}`, 'the directory may not be read');
  }
}

/**
 * Stats a directory again, and remembers it if it is still the one that was opened. Only the
 * change time (ctime) counts, because no copying program sets it back.
 */
async function restatDirectory(
  target: ScanTarget,
  rest: string,
  path: string,
  before: BigIntStats,
): Promise<BigIntStats> {
  const now = await stat(path, { bigint: true });
  if (now.dev === before.dev && now.ino === before.ino) target.walked?.add(rest, now);
  return now;
}

async function readNameBatch(level: ScanLevel): Promise<Dirent<Buffer>[]> {
  const names: Dirent<Buffer>[] = [];
  try {
    while (names.length < BATCH_SIZE) {
      const entry = await level.handle.read();
      if (entry === null) break;
      names.push(entry as unknown as Dirent<Buffer>);
    }
    return names;
  } catch (error) {
    throw toDiskError(error, 'scanning', level.handle.path);
  }
}

async function requireScanMarker(target: ScanTarget): Promise<string> {
  const marker = await readMarker(nodeDisk, target.dirPath);
  if (marker === undefined) throw makeNoMarkerError(target, 'it has no marker');
  return JSON.stringify(marker);
}

function makeNoMarkerError(target: ScanTarget, why: string): SyncMediaError {
  return new SyncMediaError(
    'NO_MARKER',
    `The sync dir ${quotePath(target.dirPath)} was not scanned: ${why}. Mount it, or run ` +
      `\`syncmedia init\`.`,
  );
}
