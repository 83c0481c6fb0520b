import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { SyncMediaError } from '../model/errors.js';
import type { FileInfo } from '../model/file.js';
import type { Path } from '../model/path.js';
import { newName, type SyncDirLocation } from './areas.js';
import { dateOpen, flushOpen } from './descriptor.js';
import type { ReplacedFileResolver } from './disk.js';
import { toDiskError } from './disk-errors.js';
import { nodeDisk } from './node-disk.js';
import { quotePath } from './paths.js';
import { placeFile } from './place.js';
import type { ResolvedFile } from './replaced.js';
import type { TmpFolders } from './tmp-folders.js';
import { writeAll } from './write-all.js';

export interface PlaceOptions {
  readonly fileMode: number;
  readonly tmpFolders: TmpFolders;
  readonly resolver: ReplacedFileResolver;
  /** Called once the bytes are complete; nothing is placed if it throws. */
  readonly beforePlacing?: () => Promise<void>;
}

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes bytes to the tmp area, checks them, and places them at the path. Nothing is placed, and
 * nothing of them stays, unless all of them came. The answer is that of `placeFile`.
 *
 * @throws TRANSFER_FAILED if they are not those of `info`; errors of the source and of the disk
 */
export async function placeBytes(
  location: SyncDirLocation,
  path: Path,
  info: FileInfo,
  body: AsyncIterable<Uint8Array>,
  { fileMode, tmpFolders, resolver, beforePlacing }: PlaceOptions,
): Promise<ResolvedFile[]> {
  const tmpFile = `${location.dirPath}/${await tmpFolders.find(location, path)}/${newName()}`;
  const handle = await open(tmpFile, FLAGS, 0o600).catch((error: unknown) => {
    throw toDiskError(error, 'writing', tmpFile);
  });
  try {
    try {
      await writeChecked(handle, path, info, body, tmpFile);
      await handle.chmod(fileMode);
      await dateOpen(handle, info.mtime);
      await flushOpen(handle);
    } finally {
      await handle.close();
    }
    await beforePlacing?.();
    return await placeFile(location, path, tmpFile, resolver);
  } catch (error) {
    // If the file was placed, this name is gone.
    await nodeDisk.remove(tmpFile).catch(() => undefined);
    throw error;
  }
}

async function writeChecked(
  handle: FileHandle,
  path: Path,
  { size, sha256 }: FileInfo,
  body: AsyncIterable<Uint8Array>,
  tmpFile: string,
): Promise<void> {
  const hash = createHash('sha256');
  let written = 0;
  for await (const bytes of body) {
    hash.update(bytes);
    await writeAll(handle, bytes, written).catch((error: unknown) => {
      throw toDiskError(error, 'writing', tmpFile);
    });
    written += bytes.length;
    if (written > size) break;
  }
  const hasOtherBytes = sha256 !== undefined && hash.digest('hex') !== sha256;
  if (written === size && !hasOtherBytes) return;
  throw new SyncMediaError(
    'TRANSFER_FAILED',
    `${quotePath(path)} arrived with ${written === size ? 'other content' : 'another length'} ` +
      `than its version has.`,
  );
}
