import { SyncMediaError } from '../../../model/errors.js';
import type { ReplacedFileResolver } from '../../../replica/disk.js';
import { placeFile } from '../../../replica/place.js';
import { newName, type SyncDirLocation } from '../../../replica/areas.js';
import type { ResolvedFile } from '../../../replica/replaced.js';
import { throwWriteError } from '../../ssh/remote-disk.js';
import { sftpStatus, getSftpStatus } from '../../ssh/sftp-errors.js';
import type { Sftp } from '../../ssh/sftp.js';
import type { Path } from '../../../model/path.js';

/** Bytes of one write request, for a server that accepts as many. OpenSSH accepts 255 KiB. */
const WRITE_CHUNK_BYTES = 192 * 1024;
/** All bits of a mode except setuid, setgid and sticky. */
const PERMISSIONS = 0o777;

/** A whole file in memory, with the mtime (seconds) and mode for the other host. */
interface FileToPut {
  readonly bytes: Buffer;
  readonly mtime: number;
  readonly mode: number;
}

export interface PutFileOptions {
  readonly resolver: ReplacedFileResolver;
  /** Directories that were looked at before. */
  readonly known?: Set<string> | undefined;
  /** The most likely folder in the tmp area. */
  readonly guess: string;
  /**
   * Resolves to the right folder in the tmp area, once the path was found free for the file.
   * Awaited before anything is placed.
   */
  readonly checked: Promise<string>;
  /** Makes missing working folders, and returns the right one for the file. */
  readonly repair: () => Promise<string>;
}

/**
 * Puts one file by SFTP. The file is written under a new name and flushed, and its length is
 * checked. It is placed only after all these requests succeeded: a rename that was sent right
 * behind the writes published truncated files on a full disk.
 *
 * @throws DISK_FULL, PERMISSION_DENIED, NO_SFTP; what `checked` and `placeFile` throw
 */
export async function putFileBySftp(
  sftp: Sftp,
  location: SyncDirLocation,
  path: Path,
  file: FileToPut,
  { resolver, known, guess, checked, repair }: PutFileOptions,
): Promise<ResolvedFile[]> {
  let unfinished = makeTmpPath(location, guess);
  checked.catch(() => {
    /* Awaited once the file is written. */
  });
  try {
    const failed = await writeFlushedFile(sftp, unfinished, file).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    let folder = await checked;
    if (failed) {
      if (!isFolderMissing(failed.error)) throw failed.error;
      folder = await repair();
    }
    if (failed || folder !== guess) {
      await location.disk.remove(unfinished);
      unfinished = makeTmpPath(location, folder);
      await writeFlushedFile(sftp, unfinished, file);
    }
  } catch (error) {
    await location.disk.remove(unfinished).catch(() => undefined);
    throw error;
  }
  try {
    return await placeFile(location, path, unfinished, resolver, known);
  } catch (error) {
    // If the file was placed, this name is gone, or is a second name of the same file.
    await location.disk.remove(unfinished).catch(() => undefined);
    throw error;
  }
}

/** Makes a free name in a folder of the tmp area. */
function makeTmpPath({ dirPath }: SyncDirLocation, folder: string): string {
  return `${dirPath}/${folder}/${newName()}`;
}

function isFolderMissing(error: unknown): boolean {
  return error instanceof SyncMediaError && getSftpStatus(error.cause) === sftpStatus.NO_SUCH_FILE;
}

/**
 * Writes a new file, flushes it and checks its length. All requests are under way at once; the
 * server carries them out in order.
 */
export async function writeFlushedFile(
  sftp: Sftp,
  path: string,
  { bytes, mtime, mode }: FileToPut,
): Promise<void> {
  try {
    const handle = await sftp.open(path, 'wx', 0o600);
    const requests: Promise<unknown>[] = [];
    const chunk = Math.min(WRITE_CHUNK_BYTES, sftp.maxWriteBytes);
    for (let at = 0; at < bytes.length; at += chunk)
      requests.push(sftp.write(handle, bytes.subarray(at, at + chunk), at));
    requests.push(sftp.setAttributes(handle, { mode, atime: mtime, mtime }), sftp.flush(handle));
    const length = sftp.fstat(handle);
    const answers = await Promise.allSettled([...requests, length, sftp.close(handle)]);
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
    const { size } = await length;
    if (size !== bytes.length)
      throw new SyncMediaError(
        'TRANSFER_FAILED',
        `Of ${String(bytes.length)} bytes only ${String(size)} were written there.`,
      );
  } catch (error) {
    await throwWriteError(sftp, error, 'writing', path);
  }
}

/**
 * Returns the mode that rsync's `--chmod` gives a file, without setuid, setgid and sticky, for
 * files that are put without rsync. Undefined if the rules use more than `F644`, `D755` or a
 * plain `644`.
 */
export function parseFileMode(chmod: string): number | undefined {
  let mode: number | undefined;
  for (const rule of chmod.split(',')) {
    const [, what, octal = ''] = /^([DF]?)([0-7]{3,4})$/.exec(rule.trim()) ?? [];
    if (what === undefined) return undefined;
    if (what !== 'D') mode = parseInt(octal, 8) & PERMISSIONS;
  }
  return mode;
}
