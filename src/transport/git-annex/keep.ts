import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FileInfo } from '../../model/file.js';
import type { RecordRequest } from '../../model/history.js';
import { newName } from '../../replica/areas.js';
import { flushOpen, statOpen } from '../../replica/descriptor.js';
import { getErrno, toDiskError } from '../../replica/disk-errors.js';
import { toLocalFileInfo } from '../../replica/file-info.js';
import type { Replica } from '../../replica/replica.js';
import { writeAll } from '../../replica/write-all.js';
import { openVersion, type VersionFile } from '../git/open-version.js';
import { makeChangedAnswer, type BlobAnswer } from '../git/write-blob.js';
import { toFailure } from '../to-failure.js';
import type { Annex } from './annex.js';
import { makeKey } from './key.js';

const CHUNK_BYTES = 1024 * 1024;

/**
 * Copies a version into the annex of this host. It is a copy, never a link: the app may write to
 * its file in place. A copy counts only if its sha256 is that of the version.
 */
export async function keepVersion(
  annex: Annex,
  replica: Replica,
  request: RecordRequest,
  info: FileInfo,
  signal: AbortSignal,
): Promise<BlobAnswer> {
  const known = makeKey(info);
  if (known && info.sha256 !== undefined && (await annex.measure(known)) === info.size)
    return { sha256: info.sha256 };
  const tmp = join(annex.tmp, newName());
  let file: VersionFile | undefined;
  try {
    file = await openVersion(replica, request, info);
    if (file === undefined) return makeChangedAnswer(request);
    const sha256 = await copyFlushed(file, tmp, info.size, signal);
    const after = toLocalFileInfo(statOpen(file.handle));
    const isSame =
      after.size === info.size &&
      after.mtime === file.info.mtime &&
      after.nanos === file.info.nanos &&
      (info.sha256 ?? sha256) === sha256;
    const key = isSame ? makeKey({ ...info, sha256 }) : undefined;
    if (!key) return makeChangedAnswer(request);
    await placeObject(tmp, annex.locate(key));
    return { sha256 };
  } catch (error) {
    // A full disk concerns every version.
    if (['ENOSPC', 'EDQUOT', 'EROFS'].includes(getErrno(error) ?? ''))
      throw toDiskError(error, 'keeping a version in', annex.place);
    signal.throwIfAborted();
    return { failure: { ...toFailure(error, 'path'), scope: 'path' } };
  } finally {
    await file?.close();
    await rm(tmp, { force: true });
  }
}

/** @returns the sha256 of the copied bytes */
async function copyFlushed(
  { handle }: VersionFile,
  tmp: string,
  size: number,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  // git-annex keeps its contents read-only.
  const copy = await open(tmp, 'wx', 0o400);
  try {
    const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(1, size)));
    for (let at = 0; at < size;) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, size - at), at);
      if (bytesRead === 0) break;
      const part = chunk.subarray(0, bytesRead);
      hash.update(part);
      await writeAll(copy, part, at);
      at += bytesRead;
    }
    await flushOpen(copy);
  } finally {
    await copy.close();
  }
  return hash.digest('hex');
}

async function placeObject(tmp: string, object: string): Promise<void> {
  const folder = dirname(object);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await rename(tmp, object);
  for (const one of [folder, dirname(folder), dirname(dirname(folder))]) {
    const handle = await open(one, 'r');
    try {
      await flushOpen(handle);
    } finally {
      await handle.close();
    }
  }
}
