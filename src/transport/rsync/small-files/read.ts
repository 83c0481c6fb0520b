import { SyncMediaError } from '../../../model/errors.js';
import { resolveInDir, type SyncDirLocation } from '../../../replica/areas.js';
import { makeNotAFileError } from '../../../replica/node-disk.js';
import { getPathInDir, checkParentDirs } from '../../../replica/parents.js';
import { quotePath } from '../../../replica/paths.js';
import { readRemoteFile } from '../../ssh/read-remote.js';
import type { Sftp } from '../../ssh/sftp.js';
import { toSftpError, sftpStatus, getSftpStatus } from '../../ssh/sftp-errors.js';
import type { FileInfo } from '../../../model/file.js';
import type { Path } from '../../../model/path.js';

/**
 * Opens one file of another host, as it is there now.
 *
 * @param onEnd called once, when the body was consumed or destroyed
 * @throws NOT_A_FILE, also if nothing is there; SYMLINK_IN_PATH; what the connection throws
 */
export async function openRemoteFile(
  sftp: Sftp,
  location: SyncDirLocation,
  path: Path,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<{ info: FileInfo; body: AsyncIterable<Uint8Array> }> {
  const target = resolveInDir(location, getPathInDir(location, path));
  // A visitor waits for this, so both requests share one round trip.
  const [isReached, found] = await Promise.all([
    checkParentDirs(location, path),
    location.disk.stat(target),
  ]);
  if (!isReached || found === undefined)
    throw new SyncMediaError('NOT_A_FILE', `${quotePath(target)} is not on that host.`);
  if (found.kind !== 'file') throw makeNotAFileError(target);
  let handle: Buffer;
  try {
    handle = await sftp.open(target, 'r');
  } catch (error) {
    if (getSftpStatus(error) === sftpStatus.NO_SUCH_FILE)
      throw new SyncMediaError('NOT_A_FILE', `${quotePath(target)} is not on that host.`, {
        cause: error,
      });
    throw toSftpError(error, `opening ${quotePath(target)}`);
  }
  let ended = false;
  const end = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    signal.removeEventListener('abort', onAbort);
    await sftp.close(handle).catch(() => undefined);
    onEnd();
  };
  const onAbort = (): void => {
    void end();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { size, mtime } = await sftp.fstat(handle);
    // The listener misses an abort that came before it was added.
    signal.throwIfAborted();
    return { info: { size, mtime }, body: readBody(sftp, handle, size, path, signal, end) };
  } catch (error) {
    await end();
    throw toSftpError(error, `opening ${quotePath(target)}`);
  }
}

async function* readBody(
  sftp: Sftp,
  handle: Buffer,
  size: number,
  path: Path,
  signal: AbortSignal,
  end: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  let read = 0;
  try {
    for await (const bytes of readRemoteFile(sftp, handle, size, signal)) {
      if (signal.aborted)
        throw new SyncMediaError('CANCELLED', `Reading ${quotePath(path)} was cancelled.`);
      read += bytes.length;
      yield bytes;
    }
    // The server has already announced the length to its visitor.
    if (read !== size)
      throw new SyncMediaError(
        'TRANSFER_FAILED',
        `${quotePath(path)} became shorter while it was read.`,
      );
  } catch (error) {
    throw toSftpError(error, `reading ${quotePath(path)}`);
  } finally {
    await end();
  }
}
