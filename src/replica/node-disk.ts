import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { constants, existsSync, linkSync, lstatSync, renameSync, type BigIntStats } from 'node:fs';
import {
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  rmdir,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import { hasErrorCode, SyncMediaError } from '../model/errors.js';
import { flushOpen, statOpen } from './descriptor.js';
import type { Disk, DiskStat } from './disk.js';
import { toDiskError, getErrno, explainError, isAbsence } from './disk-errors.js';
import { quotePath } from './paths.js';
import { toLocalFileInfo } from './file-info.js';

/** On a directory: new files in it get its group. */
const SETGID = 0o2000;
/** The owner's permissions to read, change and enter a directory. */
const OWNER_BITS = 0o700;
/** The setuid, setgid and sticky bits. */
const SPECIAL_BITS = 0o7000;
const MAX_TEXT_BYTES = 64 * 1024;
/**
 * Opens a file of unknown kind: follows no symlink, and does not wait for the other end of a
 * FIFO.
 */
export const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** This machine's disk. */
export const nodeDisk: Disk = {
  stat: (path) => ignoreAbsence(undefined, 'looking at', path, () => lstatPath(path)),

  list: (path) =>
    ignoreAbsence(undefined, 'listing', path, async () => {
      const names = await readdir(path, { encoding: 'buffer' });
      return names.filter((name) => isUtf8(name)).map((name) => name.toString());
    }),

  realPath: (path) => ignoreAbsence(undefined, 'resolving', path, () => realpath(path)),

  makeDirectory: (path, mode) =>
    ignoreAbsence(false, 'making', path, async () => {
      try {
        await mkdir(path, mode);
      } catch (error) {
        if (getErrno(error) !== 'EEXIST') throw error;
        if ((await lstat(path)).isDirectory()) return true;
        throw new SyncMediaError(
          'NOT_A_FILE',
          `making ${quotePath(path)}: something other than a directory is there; move it away.`,
          { cause: error },
        );
      }
      // The web server must read what we make, regardless of the umask. A chmod without need could
      // remove a setgid bit.
      const { mode: made } = await lstat(path);
      if ((made & 0o777) !== mode) await chmod(path, mode | (made & SETGID));
      return true;
    }),

  restoreOwnPermissions: (path) =>
    ignoreAbsence(undefined, 'opening', path, async () => {
      const { mode, uid } = await lstat(path);
      if ((mode & OWNER_BITS) !== OWNER_BITS && uid === process.geteuid?.())
        await chmod(path, (mode & 0o7777) | OWNER_BITS);
    }),

  async link(from, to) {
    try {
      await link(from, to);
      return 'linked';
    } catch (error) {
      if (getErrno(error) === 'EEXIST') return 'exists';
      // ENOENT also means that the directory of `to` is missing. That is no absence.
      if (isAbsence(error) && (await nodeDisk.stat(from)) === undefined) return 'absent';
      throw new SyncMediaError(
        'LINK_FAILED',
        `linking ${quotePath(from)} to ${quotePath(to)}: ${explainError(error)}.`,
        { cause: error },
      );
    }
  },

  async rename(from, to) {
    try {
      await rename(from, to);
      return true;
    } catch (error) {
      if (isAbsence(error) && (await nodeDisk.stat(from)) === undefined) return false;
      throw toDiskError(error, 'renaming a file to', to);
    }
  },

  async replace(from, to, kept, late) {
    try {
      // Both calls are synchronous, so that nothing of this process runs between them.
      const linked = linkSynchronously(to, late);
      renameSync(from, to);
      if (!linked) return 'replaced';
    } catch (error) {
      await rm(late, { force: true });
      if (isAbsence(error) && (await nodeDisk.stat(from)) === undefined) return false;
      throw hasErrorCode(error, 'LINK_FAILED')
        ? error
        : toDiskError(error, 'renaming a file to', to);
    }
    const [one, other] = await Promise.all(
      [kept, late].map((path) => lstat(path, { bigint: true }).catch(() => undefined)),
    );
    if (one === undefined || one.ino !== other?.ino) return 'replaced another';
    await rm(late, { force: true });
    return 'replaced';
  },

  remove: (path) => ignoreAbsence(undefined, 'removing', path, () => unlink(path)),

  async removeDirectory(path) {
    try {
      await rmdir(path);
      return true;
    } catch (error) {
      if (isAbsence(error)) return true;
      if (['ENOTEMPTY', 'EEXIST'].includes(getErrno(error) ?? '')) return false;
      throw toDiskError(error, 'removing the directory', path);
    }
  },

  readText: (path) =>
    ignoreAbsence(undefined, 'reading', path, () =>
      withRegularFile(path, async (handle, size) => {
        if (size > MAX_TEXT_BYTES)
          throw new SyncMediaError(
            'TRANSFER_FAILED',
            `reading ${quotePath(path)}: it is larger than ${String(MAX_TEXT_BYTES)} bytes.`,
          );
        return handle.readFile('utf8');
      }),
    ),

  read: (path, limit) =>
    ignoreAbsence(undefined, 'reading', path, () =>
      withRegularFile(path, async (handle, size) => {
        if (size > limit) return undefined;
        const bytes = await handle.readFile();
        return bytes.length > limit ? undefined : bytes;
      }),
    ),

  async writeNew(path, content, mode) {
    let created = false;
    try {
      const handle = await open(path, 'wx', mode);
      created = true;
      try {
        await handle.writeFile(content);
        await handle.chmod(mode);
        await flushOpen(handle);
      } finally {
        await handle.close();
      }
    } catch (error) {
      // Half a file under a new name belongs to nobody. A file that was there before is not ours
      // to remove.
      if (created) await rm(path, { force: true });
      throw toDiskError(error, 'writing', path);
    }
  },

  hash: (path, limit) =>
    ignoreAbsence(undefined, 'reading', path, () =>
      withRegularFile(path, async (handle, size) =>
        size > limit ? undefined : hashOpenFile(handle),
      ),
    ),
};

/** Makes a hard link in this thread. False if nothing is at `from`. */
function linkSynchronously(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isAbsence(error) && !existsSync(from)) return false;
    throw new SyncMediaError(
      'LINK_FAILED',
      `linking ${quotePath(from)} to ${quotePath(to)}: ${explainError(error)}.`,
      { cause: error },
    );
  }
}

/**
 * Computes the sha256 (hex) of a whole open file.
 *
 * @throws the reason with which the signal was aborted
 */
export async function hashOpenFile(handle: FileHandle, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(256 * 1024);
  for (let position = 0; ;) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}

/**
 * @throws NOT_A_FILE for anything but a regular file, also for a symlink; otherwise what the
 *   system throws
 */
export async function openRegularFile(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, READ_FLAGS);
  } catch (error) {
    // With O_NOFOLLOW, ELOOP means that the file itself is a symlink, or that too many symlinks
    // are on the way.
    throw getErrno(error) === 'ELOOP' ? makeNotAFileError(path, error) : error;
  }
  try {
    if (!statOpen(handle).isFile()) throw makeNotAFileError(path);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Removes setuid, setgid and sticky from a file before it is placed or put back.
 *
 * @throws what opening throws
 */
export async function removeSpecialBits(path: string): Promise<void> {
  const found = statSynchronously(path);
  if (found?.kind !== 'file' || (found.mode & SPECIAL_BITS) === 0) return;
  try {
    const handle = await openRegularFile(path);
    try {
      await handle.chmod(Number(statOpen(handle).mode) & 0o777);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw toDiskError(error, 'taking special permissions off', path);
  }
}

export function makeNotAFileError(path: string, cause?: unknown): SyncMediaError {
  return new SyncMediaError(
    'NOT_A_FILE',
    `${quotePath(path)} is no regular file; only regular files are synced.`,
    { cause },
  );
}

async function withRegularFile<T>(
  path: string,
  read: (handle: FileHandle, size: number) => Promise<T>,
): Promise<T> {
  const handle = await openRegularFile(path);
  try {
    return await read(handle, (await handle.stat()).size);
  } finally {
    await handle.close();
  }
}

async function lstatPath(path: string): Promise<DiskStat> {
  return toDiskStat(await lstat(path, { bigint: true }));
}

/**
 * Does a stat in this thread, for a path that was looked at a moment ago. The kernel answers from
 * memory; waking another thread would take longer.
 */
export function statSynchronously(path: string): DiskStat | undefined {
  try {
    const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return found && toDiskStat(found);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw toDiskError(error, 'looking at', path);
  }
}

function toDiskStat(stats: BigIntStats): DiskStat {
  const kind = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'directory'
      : stats.isSymbolicLink()
        ? 'symlink'
        : 'other';
  return {
    ...toLocalFileInfo(stats),
    kind,
    mode: Number(stats.mode) & 0o7777,
    gid: Number(stats.gid),
  };
}

async function ignoreAbsence<T, A>(
  absent: A,
  doing: string,
  path: string,
  run: () => Promise<T>,
): Promise<T | A> {
  try {
    return await run();
  } catch (error) {
    if (isAbsence(error)) return absent;
    throw toDiskError(error, doing, path);
  }
}
