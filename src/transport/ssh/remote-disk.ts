import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Stats } from 'ssh2';
import { hasErrorCode, SyncMediaError } from '../../model/errors.js';
import type { Disk, DiskStat } from '../../replica/disk.js';
import { isName, quotePath } from '../../replica/paths.js';
import { readRemoteFile } from './read-remote.js';
import type { Sftp } from './sftp.js';
import { toSftpError, sftpStatus, getSftpStatus } from './sftp-errors.js';

/** On a directory: new files in it get its group. */
const SETGID = 0o2000;
const MAX_TEXT_BYTES = 64 * 1024;
/**
 * Limits for one directory: answers, and bytes of names. Both allow a million names of usual
 * length.
 */
const MAX_LISTINGS = 100_000,
  MAX_NAMES_BYTES = 64 * 1024 * 1024;
/** If a request failed without a reason and less than this is free, the disk is full. */
const FULL_BELOW = 1024 * 1024;

/** Another host's disk, over SFTP. Its times have whole seconds. */
export function createRemoteDisk(sftp: Sftp): Disk {
  const stat = (path: string): Promise<DiskStat | undefined> =>
    ignoreRemoteAbsence(undefined, 'looking at', path, async () =>
      toRemoteDiskStat(await sftp.lstat(path)),
    );
  const fail = (error: unknown, doing: string, path: string): Promise<never> =>
    throwWriteError(sftp, error, doing, path);
  /** Renames on a server that cannot replace files. Most of our renames go to a new name. */
  const moveToFree = async (from: string, to: string, cannotReplace: unknown): Promise<boolean> => {
    try {
      await sftp.renameToFree(from, to);
      return true;
    } catch (error) {
      const [source, target] = await Promise.all([stat(from), stat(to)]);
      if (source === undefined) return false;
      if (target !== undefined) throw cannotReplace;
      return fail(error, 'renaming a file to', to);
    }
  };

  const rename = async (from: string, to: string): Promise<boolean> => {
    try {
      await sftp.rename(from, to);
      return true;
    } catch (error) {
      if (hasErrorCode(error, 'NO_SFTP')) return moveToFree(from, to, error);
      if (getSftpStatus(error) === sftpStatus.NO_SUCH_FILE && (await stat(from)) === undefined)
        return false;
      return fail(error, 'renaming a file to', to);
    }
  };

  const writeTo = async (handle: Buffer, content: Uint8Array, mode: number): Promise<void> => {
    await sftp.write(handle, Buffer.from(content), 0);
    await Promise.all([sftp.setAttributes(handle, { mode }), sftp.flush(handle)]);
  };

  return {
    stat,

    list: (path) =>
      ignoreRemoteAbsence(undefined, 'listing', path, async () => {
        const names = await listRemoteNames(sftp, path);
        // ssh2 decodes names and inserts U+FFFD for invalid UTF-8. A name that really contains one
        // is found by it.
        const real = await Promise.all(
          names.map(
            async (name) =>
              !name.includes('\uFFFD') || (await stat(`${path}/${name}`)) !== undefined,
          ),
        );
        return names.filter((_, index) => real[index]);
      }),

    // OpenSSH's realpath succeeds even if the last segment is missing, so a stat runs beside it.
    realPath: (path) =>
      ignoreRemoteAbsence(
        undefined,
        'resolving',
        path,
        async () => (await Promise.all([sftp.realPath(path), sftp.stat(path)]))[0],
      ),

    async makeDirectory(path, mode) {
      try {
        await sftp.makeDirectory(path, mode);
      } catch (error) {
        if (getSftpStatus(error) === sftpStatus.NO_SUCH_FILE) return false;
        const there = await stat(path);
        if (there?.kind === 'directory') return true;
        if (there !== undefined)
          throw new SyncMediaError(
            'NOT_A_FILE',
            `making ${quotePath(path)}: something other than a directory is there; move it away.`,
            { cause: error },
          );
        return fail(error, 'making the directory', path);
      }
      const made = await stat(path);
      if (made === undefined || (made.mode & 0o777) === mode) return true;
      // The web server there must read what we make, regardless of the umask. A confined session
      // has a fitting umask, and no chmod.
      await sftp.chmod(path, mode | (made.mode & SETGID)).catch((error: unknown) => {
        if (getSftpStatus(error) !== sftpStatus.PERMISSION_DENIED)
          throw toSftpError(error, `making ${quotePath(path)}`);
      });
      return true;
    },

    async link(from, to) {
      try {
        await sftp.link(from, to);
        return 'linked';
      } catch (error) {
        if (error instanceof SyncMediaError && error.code !== 'NO_SFTP') throw error;
        // The answer does not tell which of the two is missing, or that `to` exists.
        const [source, target] = await Promise.all([stat(from), stat(to)]);
        if (source === undefined) return 'absent';
        if (target !== undefined) return 'exists';
        const cause = await fail(error, 'linking to', to).catch((found: unknown) => found);
        if (
          cause instanceof SyncMediaError &&
          ['HOST_UNREACHABLE', 'TIMED_OUT', 'DISK_FULL'].includes(cause.code)
        )
          throw cause;
        throw new SyncMediaError(
          'LINK_FAILED',
          `linking ${quotePath(from)} to ${quotePath(to)} failed there: ` +
            `${cause instanceof Error ? cause.message : String(cause)}`,
          { cause: error },
        );
      }
    },

    rename,

    async replace(from, to, kept, late) {
      const same = `${late}-same`;
      // All requests are sent at once; the server carries them out one after the other.
      const linking = sftp.link(to, late),
        renaming = rename(from, to),
        sparing = sftp.link(kept, same),
        merging = sftp.rename(late, same),
        looking = stat(late);
      const [linked, renamed, , merged, looked] = await Promise.allSettled([
        linking,
        renaming,
        sparing,
        merging,
        looking,
      ]);
      const isReplaced = renamed.status === 'fulfilled' && renamed.value;
      // A rename between two names of one file does nothing. If it did something, it moved
      // another file, over a name of a file that is kept.
      const isAnother =
        linked.status === 'fulfilled' &&
        merged.status === 'fulfilled' &&
        looked.status === 'fulfilled' &&
        looked.value === undefined;
      if (isReplaced && isAnother) {
        await rename(same, late);
        return 'replaced another';
      }
      await Promise.all([late, same].map((path) => sftp.remove(path).catch(() => undefined)));
      if (renamed.status === 'rejected') throw renamed.reason;
      return isReplaced && 'replaced';
    },

    remove: (path) => ignoreRemoteAbsence(undefined, 'removing', path, () => sftp.remove(path)),

    async removeDirectory(path) {
      try {
        await sftp.removeDirectory(path);
        return true;
      } catch (error) {
        if (getSftpStatus(error) === sftpStatus.NO_SUCH_FILE) return true;
        if (
          getSftpStatus(error) === sftpStatus.FAILURE &&
          (await listRemoteNames(sftp, path).catch(() => [])).length > 0
        )
          return false;
        throw toSftpError(error, `removing the directory ${quotePath(path)}`);
      }
    },

    readText: (path) =>
      ignoreRemoteAbsence(undefined, 'reading', path, () =>
        withRemoteFile(sftp, path, async (handle, size) => {
          if (size > MAX_TEXT_BYTES)
            throw new SyncMediaError(
              'TRANSFER_FAILED',
              `reading ${quotePath(path)}: it is larger than ${String(MAX_TEXT_BYTES)} bytes.`,
            );
          const parts: Buffer[] = [];
          for await (const bytes of readRemoteFile(sftp, handle, size)) parts.push(bytes);
          return Buffer.concat(parts).toString();
        }),
      ),

    read: (path, limit) =>
      ignoreRemoteAbsence(undefined, 'reading', path, () =>
        withRemoteFile(sftp, path, async (handle, size) => {
          if (size > limit) return undefined;
          const parts: Buffer[] = [];
          for await (const bytes of readRemoteFile(sftp, handle, size)) parts.push(bytes);
          return Buffer.concat(parts);
        }),
      ),

    async writeNew(path, content, mode) {
      let created = false;
      try {
        const handle = await sftp.open(path, 'wx', mode);
        created = true;
        // Closed exactly once, regardless of the answer: the server may reuse the number of a
        // closed handle for another file.
        const written = await writeTo(handle, content, mode).then(
          () => undefined,
          (error: unknown) => ({ error }),
        );
        const closed = await sftp.close(handle).then(
          () => undefined,
          (error: unknown) => ({ error }),
        );
        const failed = written ?? closed;
        if (failed) throw failed.error;
      } catch (error) {
        const diskError = await fail(error, 'writing', path).catch((found: unknown) => found);
        // Half a file under a new name belongs to nobody. A file that was there before is not
        // ours to remove.
        if (created) await sftp.remove(path).catch(() => undefined);
        throw diskError;
      }
    },

    hash: (path, limit) =>
      ignoreRemoteAbsence(undefined, 'reading', path, () =>
        withRemoteFile(sftp, path, async (handle, size) => {
          if (size > limit) return undefined;
          const hash = createHash('sha256');
          for await (const bytes of readRemoteFile(sftp, handle, size)) hash.update(bytes);
          return hash.digest('hex');
        }),
      ),
  };
}

function toRemoteDiskStat(stats: Stats): DiskStat {
  const kind = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'directory'
      : stats.isSymbolicLink()
        ? 'symlink'
        : 'other';
  return {
    kind,
    size: stats.size,
    mtime: stats.mtime,
    nanos: 0,
    mode: stats.mode & 0o7777,
    gid: stats.gid,
  };
}

/**
 * Throws the error of a failed write. A second request distinguishes a full disk. Never returns.
 */
export async function throwWriteError(
  sftp: Sftp,
  error: unknown,
  doing: string,
  path: string,
): Promise<never> {
  const diskError = toSftpError(error, `${doing} ${quotePath(path)}`);
  if (getSftpStatus(error) !== sftpStatus.FAILURE) throw diskError;
  const free = await sftp.freeBytes(posix.dirname(path));
  if (free === undefined || free >= FULL_BELOW) throw diskError;
  throw new SyncMediaError(
    'DISK_FULL',
    `${doing} ${quotePath(path)}: no space is left on the disk.`,
    { cause: error },
  );
}

async function listRemoteNames(sftp: Sftp, path: string): Promise<string[]> {
  const handle = await sftp.openDirectory(path);
  const names: string[] = [];
  let bytes = 0;
  try {
    for (let answers = 0; ; answers++) {
      if (answers === MAX_LISTINGS || bytes > MAX_NAMES_BYTES)
        throw sftp.refuse(
          `told ${String(names.length)} names in the directory ${quotePath(path)} without ` +
            `coming to an end`,
        );
      const entries = await sftp.readDirectory(handle).catch((error: unknown) => {
        if (getSftpStatus(error) === sftpStatus.EOF) return undefined;
        throw error;
      });
      if (entries === undefined) return names;
      for (const { filename } of entries) {
        bytes += filename.length;
        if (isName(filename)) names.push(filename);
      }
    }
  } finally {
    await sftp.close(handle).catch(() => undefined);
  }
}

/**
 * Reads a regular file only: SFTP opens whatever is there, and opening a FIFO would never return.
 */
async function withRemoteFile<T>(
  sftp: Sftp,
  path: string,
  read: (handle: Buffer, size: number) => Promise<T>,
): Promise<T> {
  if (!(await sftp.lstat(path)).isFile())
    throw new SyncMediaError(
      'NOT_A_FILE',
      `${quotePath(path)} is no regular file; only regular files are synced.`,
    );
  const handle = await sftp.open(path, 'r');
  try {
    return await read(handle, (await sftp.fstat(handle)).size);
  } finally {
    await sftp.close(handle).catch(() => undefined);
  }
}

async function ignoreRemoteAbsence<T, A>(
  absent: A,
  doing: string,
  path: string,
  run: () => Promise<T>,
): Promise<T | A> {
  try {
    return await run();
  } catch (error) {
    // OpenSSH answers BAD_MESSAGE for a name that is too long to exist.
    if (
      getSftpStatus(error) === sftpStatus.NO_SUCH_FILE ||
      getSftpStatus(error) === sftpStatus.BAD_MESSAGE
    )
      return absent;
    throw toSftpError(error, `${doing} ${quotePath(path)}`);
  }
}
