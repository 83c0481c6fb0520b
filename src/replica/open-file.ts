import { closeSync, fstatSync, openSync, readlinkSync, readSync, type BigIntStats } from 'node:fs';
import { lstat, realpath, type FileHandle } from 'node:fs/promises';
import { SyncMediaError } from '../model/errors.js';
import type { LocalFileInfo } from '../model/file.js';
import { readOpenPath, statOpen } from './descriptor.js';
import { toDiskError, getErrno, isAbsence } from './disk-errors.js';
import { openRegularFile, READ_FLAGS } from './node-disk.js';
import { quotePath } from './paths.js';
import { toLocalFileInfo } from './file-info.js';

/** A file that is open for reading, with its state when it was opened. The caller closes it. */
export interface OpenFile {
  readonly handle: FileHandle;
  readonly info: LocalFileInfo;
  readonly stats: BigIntStats;
}

/**
 * Renames replace files all the time. A file that is replaced between two looks is opened again.
 */
const MAX_TRIES = 3;

/**
 * Opens the regular file at `absolute`, but only if the path that was really opened is the one
 * that `findReal` returns. So no symlink on the way can lead elsewhere. Undefined if nothing is
 * there.
 *
 * @param findReal called again, with the number of the try, if another path was opened
 * @param openFiles folder in which the kernel lists open files; without it, real paths and inodes
 *   are compared
 * @throws NOT_A_FILE, SYMLINK_IN_PATH, PERMISSION_DENIED
 */
export async function openWithoutSymlinks(
  absolute: string,
  findReal: (tried: number) => string | Promise<string>,
  openFiles = '/proc/self/fd',
): Promise<OpenFile | undefined> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const [real, opened] = await Promise.allSettled([findReal(tries), openRegularFile(absolute)]);
    if (real.status === 'rejected') {
      if (opened.status === 'fulfilled') await opened.value.close();
      throw real.reason;
    }
    if (opened.status === 'rejected') {
      if (isAbsence(opened.reason)) return undefined;
      throw toDiskError(opened.reason, 'opening', absolute);
    }
    const expected = real.value,
      handle = opened.value;
    try {
      if ((await findOpenPath(handle, absolute, openFiles)) === expected) {
        const stats = statOpen(handle);
        return { handle, info: toLocalFileInfo(stats), stats };
      }
    } catch (error) {
      await handle.close();
      throw toDiskError(error, 'looking at', absolute);
    }
    await handle.close();
  }
  throw new SyncMediaError(
    'SYMLINK_IN_PATH',
    `${quotePath(absolute)} leads elsewhere: a directory on the way is a symlink, or keeps ` +
      `being replaced.`,
  );
}

/**
 * A whole file, with its stats when the reading began. A file that is changed during the reading
 * has another stamp.
 */
export interface FileContent {
  readonly bytes: Buffer;
  readonly stats: BigIntStats;
}

/** Reads a small open file; undefined if it was written to meanwhile. */
export async function readOpenFile({
  handle,
  info,
  stats,
}: OpenFile): Promise<FileContent | undefined> {
  const bytes = Buffer.allocUnsafeSlow(info.size);
  for (let filled = 0; filled < bytes.length;) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, filled);
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  const after = statOpen(handle);
  return after.size === stats.size && after.mtimeNs === stats.mtimeNs
    ? { bytes, stats }
    : undefined;
}

/**
 * The kernel still has a file in memory that was written less than this ago, in milliseconds. If
 * not, a file this small is read quickly.
 */
const IN_MEMORY_MS = 10_000,
  READ_AT_ONCE_BYTES = 64 * 1024;

/** Whether a file with this info is small and was just written. */
export function isSmallAndRecent({ size, mtime }: Pick<LocalFileInfo, 'size' | 'mtime'>): boolean {
  const age = Date.now() - mtime * 1000;
  return size <= READ_AT_ONCE_BYTES && age >= 0 && age < IN_MEMORY_MS;
}

/**
 * Reads a small file that was just written, like `openWithoutSymlinks` and `readOpenFile`, but in
 * this thread. One switch to another thread would take longer than all of this. Only for local
 * disks. Undefined for any other file and after any error: the asynchronous functions find out why.
 */
export function readSynchronously(
  absolute: string,
  findReal: () => string,
): FileContent | undefined {
  let opened: number | undefined;
  try {
    const fd = (opened = openSync(absolute, READ_FLAGS)),
      stats = fstatSync(fd, { bigint: true }),
      info = toLocalFileInfo(stats),
      { size } = info;
    if (
      !stats.isFile() ||
      !isSmallAndRecent(info) ||
      readlinkSync(`/proc/self/fd/${String(fd)}`) !== findReal()
    )
      return undefined;
    const bytes = Buffer.allocUnsafeSlow(size);
    for (let filled = 0, count; filled < size; filled += count) {
      count = readSync(fd, bytes, filled, size - filled, filled);
      if (count === 0) return undefined;
    }
    const after = fstatSync(fd, { bigint: true });
    return after.size === stats.size && after.mtimeNs === stats.mtimeNs
      ? { bytes, stats }
      : undefined;
  } catch {
    return undefined;
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}

async function findOpenPath(
  handle: FileHandle,
  absolute: string,
  openFiles: string,
): Promise<string | undefined> {
  try {
    // In this thread, since the thread pool would take ten times as long.
    return readOpenPath(handle, openFiles);
  } catch (error) {
    if (getErrno(error) !== 'ENOENT') throw error;
  }
  try {
    const real = await realpath(absolute);
    const [there, opened] = [
      await lstat(real, { bigint: true }),
      await handle.stat({ bigint: true }),
    ];
    return there.dev === opened.dev && there.ino === opened.ino ? real : undefined;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
