import { fstatSync, fsync, futimes, readlinkSync, type BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';

/*
 * The only place that uses the number of a handle's descriptor. Once the handle is closed, the number may belong to another file or
 * socket; so it never outlives one call that waits for nothing. Everything else goes through the handle, which is closed once, by its
 * owner, and only after what is under way on it has ended.
 */

/** What an open file is. The kernel answers from memory: another thread would take longer to wake. */
export function statOpen(handle: FileHandle): BigIntStats {
  // eslint-disable-next-line no-restricted-syntax -- Used up before this returns.
  return fstatSync(handle.fd, { bigint: true });
}

/** The path by which the kernel knows an open file. @param openFiles where it lists what this process has open */
export function readOpenPath(handle: FileHandle, openFiles: string): string {
  // eslint-disable-next-line no-restricted-syntax -- Used up before this returns.
  return readlinkSync(`${openFiles}/${String(handle.fd)}`);
}

/*
 * Under Yarn Plug'n'Play every handle is Yarn's own, whose `sync` and `utimes` throw "Method not implemented." (@yarnpkg/fslib,
 * patchFs/FileHandle.ts). The functions that take a number work there. The caller of these two holds the handle open until they resolve.
 */
const handlesAreYarns = process.versions['pnp'] !== undefined;

/** Writes an open file or directory to the disk for good (fsync). */
export function flushOpen(handle: FileHandle): Promise<void> {
  // eslint-disable-next-line no-restricted-syntax -- The one place for either form.
  return handlesAreYarns ? promisify(fsync)(handle.fd) : handle.sync();
}

/** Dates an open file. @param mtime in seconds; becomes its access time too */
export function dateOpen(handle: FileHandle, mtime: number): Promise<void> {
  // eslint-disable-next-line no-restricted-syntax -- The one place for either form.
  return handlesAreYarns ? promisify(futimes)(handle.fd, mtime, mtime) : handle.utimes(mtime, mtime);
}
