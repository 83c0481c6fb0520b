import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { LeaderContext } from '../context/leader-context.js';
import { SyncMediaError } from '../model/errors.js';
import type { ReplacedFileResolver } from '../replica/disk.js';
import { dateOpen, flushOpen } from '../replica/descriptor.js';
import { toDiskError } from '../replica/disk-errors.js';
import { isBackAtPath } from '../replica/replaced.js';
import { placeFile } from '../replica/place.js';
import { newName, prepareMissingAreas, type SyncDirLocation } from '../replica/areas.js';
import { nodeDisk } from '../replica/node-disk.js';
import { quotePath } from '../replica/paths.js';
import type { Replica } from '../replica/replica.js';
import type { TmpFolders } from '../replica/tmp-folders.js';
import { writeAll } from '../replica/write-all.js';
import { haveSameSizeAndTime } from '../decisions/file-state.js';
import type { Entry } from '../model/entry.js';
import type { FileInfo } from '../model/file.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { SyncDir } from '../model/sync-dir.js';
import { FetchTransfer } from './fetch-transfer.js';

/** A file that one host sends, while it is being written here. */
export interface IncomingFile {
  readonly transfer: FetchTransfer;
  /**
   * Writes, checks and places the file. Without a function that resolves replaced files, the
   * bytes are only passed on to the transfer's readers. On failure, removes everything unfinished
   * and breaks off the readers.
   */
  finish(resolveReplaced: ReplacedFileResolver | undefined): Promise<ReceiveResult>;
}

/** A file to be received. Without a sha256 only its length is checked. */
interface ExpectedFile {
  readonly path: Path;
  readonly info: FileInfo;
}

/**
 * `isOwnFileBack`: this host's own file is back at the path. `failedSide`: the cause of the
 * failure, the source or this disk.
 */
type ReceiveResult =
  | { readonly sha256: string; readonly isOwnFileBack: boolean }
  | { readonly error: unknown; readonly failedSide: 'source' | 'here' };

/** How received files are written on this disk. */
export interface ReceiveOptions {
  readonly fileMode: number;
  readonly tmpFolders: TmpFolders;
}

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Opens this host's replica of a sync dir to receive files.
 *
 * @throws NO_MARKER; errors of the disk
 */
export async function openReplicaDir(replica: Replica, dir: SyncDir): Promise<SyncDirLocation> {
  const placement = { disk: nodeDisk, dirPath: await replica.resolveRealDir(dir), dir: dir.path };
  await replica.requireOpenable(dir);
  await prepareMissingAreas(placement);
  return placement;
}

/**
 * Opens an entry's file on a host that holds it. Checks its size and mtime before anything is
 * written.
 *
 * @throws TRANSFER_FAILED if that host has other bytes at the path; errors of the backend
 */
export async function openHeldFile(
  { backend }: Pick<LeaderContext, 'backend'>,
  holder: Host,
  entry: Entry & { info: FileInfo },
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const { info, body } = await backend.read(holder, entry.path, signal);
  if (haveSameSizeAndTime(info, { ...entry.info, mtime: entry.info.mtime >>> 0 })) return body;
  throw new SyncMediaError(
    'TRANSFER_FAILED',
    `${quotePath(entry.path)} is another version on host ${holder.hostname}.`,
  );
}

/** Begins to write the content from a source to this host's tmp area. */
export async function receiveFile(
  { fileMode, tmpFolders }: ReceiveOptions,
  placement: SyncDirLocation,
  { path, info }: ExpectedFile,
  body: AsyncIterable<Uint8Array>,
): Promise<IncomingFile> {
  const tmpFile = `${placement.dirPath}/${await tmpFolders.find(placement, path)}/${newName()}`;
  const handle = await open(tmpFile, FLAGS, 0o600).catch((error: unknown) => {
    throw toDiskError(error, 'writing', tmpFile);
  });
  const transfer = new FetchTransfer(handle, info);

  let failedSide: 'source' | 'here' = 'source';

  async function write(): Promise<string> {
    const { size, sha256: expected } = info;
    const hash = createHash('sha256');
    let written = 0;
    for await (const bytes of body) {
      failedSide = 'here';
      await writeAll(handle, bytes, written);
      failedSide = 'source';
      hash.update(bytes);
      written += bytes.length;
      if (written > size) break;
      // The last byte is withheld until the check: a wrong response must break off, not end.
      transfer.makeReadable(Math.min(written, size - 1));
    }
    const sha256 = hash.digest('hex');
    if (written !== size || (expected !== undefined && expected !== sha256)) {
      throw new SyncMediaError(
        'TRANSFER_FAILED',
        `${quotePath(path)} arrived with ` +
          `${written === size ? 'other content' : 'another length'} than its version has.`,
      );
    }
    transfer.makeReadable(size);
    return sha256;
  }

  async function complete(): Promise<void> {
    const { size, mtime } = info;
    failedSide = 'here';
    await handle.chmod(fileMode);
    await dateOpen(handle, mtime);
    await flushOpen(handle);
    if ((await handle.stat()).size !== size)
      throw new SyncMediaError('TRANSFER_FAILED', `${quotePath(path)} was not written in full.`);
  }

  return {
    transfer,
    async finish(resolveReplaced) {
      try {
        // The readers use the open handle. Without a name, nothing of the file remains after a
        // crash.
        if (!resolveReplaced) await nodeDisk.remove(tmpFile);
        const sha256 = await write();
        if (!resolveReplaced) return { sha256, isOwnFileBack: false };
        await complete();
        return {
          sha256,
          isOwnFileBack: isBackAtPath(await placeFile(placement, path, tmpFile, resolveReplaced)),
        };
      } catch (thrown) {
        const error = failedSide === 'here' ? toDiskError(thrown, 'writing', tmpFile) : thrown;
        transfer.fail(error instanceof Error ? error : new Error(String(error)));
        // If the file was placed, this name is gone, or is a second link to the same file.
        await nodeDisk.remove(tmpFile).catch(() => undefined);
        return { error, failedSide };
      } finally {
        // The file is placed or discarded by now, so an error while closing changes nothing.
        await transfer.endWriting().catch(() => undefined);
      }
    },
  };
}
