import { fstatSync, fsync, futimes, readlinkSync, type BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';

/*
 * Only this file uses the number of a handle's descriptor. Once the handle is closed, the number
 * may belong to another file or socket. So the number never outlives one call that does not wait.
 * All other code uses the handle. Its owner closes it once, after all operations on it have
 * ended.
 */

/**
 * Stats an open file in this thread. The kernel answers from memory; waking another thread would
 * take longer.
 */
export function statOpen(handle: FileHandle): BigIntStats {
  // eslint-disable-next-line no-restricted-syntax -- Used up before this returns.
  return fstatSync(handle.fd, { bigint: true });
}

/**
 * Returns the path by which the kernel knows an open file.
 *
 * @param openFiles folder in which the kernel lists the open files of this process
 */
export function readOpenPath(handle: FileHandle, openFiles: string): string {
  // eslint-disable-next-line no-restricted-syntax -- Used up before this returns.
  return readlinkSync(`${openFiles}/${String(handle.fd)}`);
}

/*
 * Under Yarn Plug'n'Play every handle is Yarn's own, whose `sync` and `utimes` throw "Method not
 * implemented." (@yarnpkg/fslib, patchFs/FileHandle.ts). The functions that take a number work
 * there. The caller of these two functions holds the handle open until they resolve.
 */
const handlesAreYarns = process.versions['pnp'] !== undefined;

/** Flushes an open file or directory to the disk (fsync). */
export function flushOpen(handle: FileHandle): Promise<void> {
  // eslint-disable-next-line no-restricted-syntax -- The one place for either form.
  return handlesAreYarns ? promisify(fsync)(handle.fd) : handle.sync();
}

/**
 * Sets the mtime and the access time of an open file.
 *
 * @param mtime in seconds
 */
export function dateOpen(handle: FileHandle, mtime: number): Promise<void> {
  // eslint-disable-next-line no-restricted-syntax -- The one place for either form.
  if (handlesAreYarns) return promisify(futimes)(handle.fd, mtime, mtime);
  // eslint-disable-next-line no-restricted-syntax -- The one place for either form.
  return handle.utimes(mtime, mtime);
}
