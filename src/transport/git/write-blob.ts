import { createHash } from 'node:crypto';
import { getErrorMessage, SyncMediaError } from '../../model/errors.js';
import type { Failure } from '../../model/failure.js';
import type { FileInfo } from '../../model/file.js';
import type { RecordRequest } from '../../model/history.js';
import { statOpen } from '../../replica/descriptor.js';
import { toLocalFileInfo } from '../../replica/file-info.js';
import { quotePath } from '../../replica/paths.js';
import type { Replica } from '../../replica/replica.js';
import { toFailure } from '../to-failure.js';
import type { GitProcess } from './git-process.js';
import { openVersion, type VersionFile } from './open-version.js';

export type BlobAnswer =
  { readonly sha256: string } | { readonly failure: Failure; readonly isGone?: boolean };

const CHUNK_BYTES = 256 * 1024;

/**
 * Gives the bytes of a version to fast-import under a mark. Answers with a failure if they are
 * not those of the version; then nothing may refer to the mark.
 *
 * The bytes never get to git by the name of their file: git would apply attributes that a visitor
 * has uploaded.
 */
export async function writeBlob(
  git: GitProcess,
  mark: number,
  request: RecordRequest,
  info: FileInfo,
  replica: Replica,
): Promise<BlobAnswer> {
  const { bytes } = request;
  const head = `blob\nmark :${String(mark)}\ndata ${String(info.size)}\n`;
  if (bytes !== undefined) {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (bytes.length !== info.size || (info.sha256 ?? sha256) !== sha256)
      return makeChangedAnswer(request);
    await git.write(head);
    await git.write(bytes);
    await git.write('\n');
    return { sha256 };
  }
  let file: VersionFile | undefined;
  try {
    file = await openVersion(replica, request, info);
    if (file === undefined) return makeChangedAnswer(request);
    await git.write(head);
    return await writeOpenFile(git, file, request, info);
  } catch (error) {
    return { failure: { ...toFailure(error, 'path'), scope: 'path' } };
  } finally {
    await file?.close();
  }
}

async function writeOpenFile(
  git: GitProcess,
  { handle, info: before }: VersionFile,
  request: RecordRequest,
  info: FileInfo,
): Promise<BlobAnswer> {
  const hash = createHash('sha256');
  let written = 0,
    failed: unknown;
  while (written < info.size) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, info.size - written));
    const bytesRead = await handle.read(chunk, 0, chunk.length, written).then(
      (read) => read.bytesRead,
      (error: unknown) => {
        failed = error;
        return 0;
      },
    );
    // git was promised so many bytes. If the file has less, zeros fill them, and nothing refers
    // to the blob.
    if (bytesRead === 0) chunk.fill(0);
    const part = bytesRead === 0 ? chunk : chunk.subarray(0, bytesRead);
    hash.update(part);
    await git.write(part);
    written += part.length;
  }
  await git.write('\n');
  if (failed !== undefined)
    return {
      failure: toFailure(
        new SyncMediaError(
          'TRANSFER_FAILED',
          `${quotePath(request.path)} could not be read: ${getErrorMessage(failed)}`,
        ),
        'path',
      ),
    };
  const after = toLocalFileInfo(statOpen(handle)),
    sha256 = hash.digest('hex');
  const isSame =
    after.size === before.size && after.mtime === before.mtime && after.nanos === before.nanos;
  return isSame && (info.sha256 ?? sha256) === sha256 ? { sha256 } : makeChangedAnswer(request);
}

export function makeChangedAnswer({ path }: RecordRequest): BlobAnswer {
  return {
    failure: {
      code: 'NOT_RECORDED',
      message:
        `${quotePath(path)} was replaced or removed before its version could be recorded, and no ` +
        `copy of it was found: the history has its name and hash only.`,
      retryable: false,
      scope: 'path',
    },
    isGone: true,
  };
}
