import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { haveSameSizeAndTime } from '../../../decisions/file-state.js';
import type { FileInfo } from '../../../model/file.js';
import type { Path } from '../../../model/path.js';
import {
  areas,
  parseNameTime,
  resolveInDir,
  type SyncDirLocation,
} from '../../../replica/areas.js';
import { checkOwnParentDirs, getPathInDir } from '../../../replica/parents.js';
import { quotePath } from '../../../replica/paths.js';
import { listAreaFolders } from '../../../replica/recoverable.js';
import { writeAll } from '../../../replica/write-all.js';
import { mapConcurrently } from '../../../util/map-concurrently.js';
import { readRemoteFile } from '../../ssh/read-remote.js';
import type { Sftp } from '../../ssh/sftp.js';
import { getSftpStatus, sftpStatus, toSftpError } from '../../ssh/sftp-errors.js';

/** Requests that are under way at once. */
const CONCURRENCY = 16;
/** Copies with another date are hardly ever the version, so no more of them are downloaded. */
const MAX_UNLIKELY = 5;

interface WantedCopy {
  readonly path: Path;
  readonly info: FileInfo;
  /** The copy was replaced at this time or later, by the clock of a host. */
  readonly since: Date;
}

/**
 * Writes the bytes of a version into an empty file, if the other host has them: at the path, or
 * among the files that were replaced there. Only the sha256 decides; without one, size and date.
 */
export async function fetchRemoteCopy(
  sftp: Sftp,
  location: SyncDirLocation,
  wanted: WantedCopy,
  into: FileHandle,
  signal: AbortSignal,
): Promise<boolean> {
  for (const at of await listCandidates(location, wanted)) {
    signal.throwIfAborted();
    await into.truncate(0);
    const sha256 = await download(sftp, resolveInDir(location, at), wanted.info.size, into, signal);
    if (sha256 !== undefined && (wanted.info.sha256 ?? sha256) === sha256) return true;
  }
  return false;
}

/**
 * Lists the files that may be the version, those with its date first. Of the others those that were
 * replaced soonest after it are the likeliest.
 */
async function listCandidates(
  location: SyncDirLocation,
  { path, info, since }: WantedCopy,
): Promise<string[]> {
  const rest = getPathInDir(location, path);
  const places = [{ at: rest, time: 0 }];
  for (const area of [areas.replaced, areas.trash, areas.conflicts])
    for (const name of await listAreaFolders(location, area)) {
      const time = parseNameTime(name) ?? 0;
      if (time >= since.getTime()) places.push({ at: `${area}/${name}/${rest}`, time });
    }
  const likely: string[] = [],
    possible: typeof places = [];
  await mapConcurrently(places, CONCURRENCY, async ({ at, time }) => {
    const stat = await location.disk.stat(resolveInDir(location, at));
    if (stat?.kind !== 'file' || stat.size !== info.size) return;
    if (!(await checkOwnParentDirs(location, at))) return;
    if (haveSameSizeAndTime(stat, info)) likely.push(at);
    else if (info.sha256 !== undefined) possible.push({ at, time });
  });
  possible.sort((one, other) => one.time - other.time);
  return [...likely, ...possible.slice(0, MAX_UNLIKELY).map(({ at }) => at)];
}

/** @returns the sha256; undefined if the file is gone or has another size by now */
async function download(
  sftp: Sftp,
  file: string,
  size: number,
  into: FileHandle,
  signal: AbortSignal,
): Promise<string | undefined> {
  let handle: Buffer;
  try {
    handle = await sftp.open(file, 'r');
  } catch (error) {
    if (getSftpStatus(error) === sftpStatus.NO_SUCH_FILE) return undefined;
    throw toSftpError(error, `opening ${quotePath(file)}`);
  }
  const hash = createHash('sha256');
  let at = 0;
  try {
    if ((await sftp.fstat(handle)).size !== size) return undefined;
    for await (const bytes of readRemoteFile(sftp, handle, size, signal)) {
      hash.update(bytes);
      await writeAll(into, bytes, at);
      at += bytes.length;
    }
  } finally {
    await sftp.close(handle).catch(() => undefined);
  }
  return at === size ? hash.digest('hex') : undefined;
}
