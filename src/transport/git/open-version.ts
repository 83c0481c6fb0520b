import type { FileHandle } from 'node:fs/promises';
import type { FileInfo, LocalFileInfo } from '../../model/file.js';
import type { RecordRequest } from '../../model/history.js';
import { statOpen } from '../../replica/descriptor.js';
import { toLocalFileInfo } from '../../replica/file-info.js';
import type { Replica } from '../../replica/replica.js';

/** An open file that may have the bytes of a version. Only its sha256 says that it has. */
export interface VersionFile {
  readonly handle: FileHandle;
  readonly info: LocalFileInfo;
  /** Closes it, unless the request brought it. */
  close(): Promise<void>;
}

/**
 * Opens the file that the request brings, or else the one at its path. Undefined if it is another
 * file by its size, or by its date where nothing else says which bytes are meant.
 */
export async function openVersion(
  replica: Replica,
  { path, file: given, replacedAt }: RecordRequest,
  { size, mtime, sha256 }: FileInfo,
): Promise<VersionFile | undefined> {
  if (given) {
    const info = toLocalFileInfo(statOpen(given));
    const isOther = info.size !== size || (sha256 === undefined && info.mtime !== mtime);
    return isOther ? undefined : { handle: given, info, close: () => Promise.resolve() };
  }
  const opened = await replica.open(path).catch((error: unknown) => {
    if (replacedAt === undefined) throw error;
    // Something else is at the path by now, such as a directory. It says nothing about the version.
    return undefined;
  });
  if (opened === undefined) return undefined;
  const { handle, info } = opened;
  if (info.size === size && info.mtime === mtime)
    return { handle, info, close: () => handle.close() };
  await handle.close();
  return undefined;
}
