import { hasErrorCode } from '../../../model/errors.js';
import { isBackAtPath } from '../../../replica/replaced.js';
import { checkParentDirs, makeParentDirs } from '../../../replica/parents.js';
import { makeNotAFileError } from '../../../replica/node-disk.js';
import type { Channel } from '../../ssh/channels.js';
import type { DeliveryOutcome } from '../../../model/change.js';
import { toFailure, makeCancelledFailure, makeFailedOutcome } from '../../to-failure.js';
import { streamConcurrently } from '../../../util/map-concurrently.js';
import { keepsExistingFile } from '../../check-remote-dirs.js';
import type { PutChange, TransferRoute } from '../../transfer-route.js';
import type { SourceReader } from './sources.js';
import { putFileBySftp } from './put.js';

/**
 * Limits for files under way at once: their number, and their bytes if all were as large as the
 * largest.
 */
const filesAtOnce = 32;
const bytesAtOnce = 8 * 1024 * 1024;
/**
 * From this many files on, several channels pay off: the server flushes one file of each channel
 * at a time.
 */
const widenFrom = 16;

/**
 * Sends small files by SFTP and yields each outcome as soon as it is known. A file that the
 * server cannot take by SFTP (it lacks an extension) is passed to `onUnable`, for rsync.
 *
 * @param known directories there that were looked at before
 */
export async function* sendSmallFiles(
  sources: SourceReader,
  route: TransferRoute,
  files: readonly PutChange[],
  mode: number,
  known: Set<string>,
  onUnable: (file: PutChange) => void,
  signal: AbortSignal,
): AsyncGenerator<DeliveryOutcome> {
  const { channels } = route.connection;
  if (files.length >= widenFrom) channels.widen();
  const largest = files.reduce((most, { info }) => Math.max(most, info.size), 1);
  const atOnce = Math.max(4, Math.min(filesAtOnce, Math.floor(bytesAtOnce / largest)));
  const outcomes = streamConcurrently(files, atOnce, async (change) => {
    if (signal.aborted) return makeFailedOutcome(change, 'sftp', makeCancelledFailure());
    try {
      return await channels.use((channel) =>
        sendSmallFile(sources, route, change, mode, known, channel),
      );
    } catch (error) {
      if (!hasErrorCode(error, 'NO_SFTP'))
        return makeFailedOutcome(change, 'sftp', toFailure(error, 'path'));
      onUnable(change);
      return undefined;
    }
  });
  for await (const outcome of outcomes) if (outcome !== undefined) yield outcome;
}

/** The checks and the upload run at once. Nothing is placed before the checks were answered. */
async function sendSmallFile(
  sources: SourceReader,
  route: TransferRoute,
  change: PutChange,
  mode: number,
  known: Set<string>,
  { sftp, disk }: Channel,
): Promise<DeliveryOutcome> {
  const answer = { change, via: 'sftp', bytes: 0 } as const;
  const location = { ...route.there, disk };
  // A conflict rule may decide that nothing is sent, so it is checked first.
  const earlyCheck =
    change.rule === undefined ? undefined : await checkDestination(change, location, known);
  if (earlyCheck === 'kept') return { ...answer, result: 'kept' };
  const source = await sources.read(change);
  if (typeof source === 'string') return { ...answer, result: source };
  const { bytes, sha256 } = source;
  const { tmpFolders, receiver } = route,
    { path } = change;
  const check = async (): Promise<string> => {
    const [destination] = await Promise.all([
      earlyCheck ?? checkDestination(change, location, known),
      route.check(),
      tmpFolders.prefetch(receiver, path),
    ]);
    if (destination === 'no parent') await makeParentDirs(location, path, known);
    return tmpFolders.find(receiver, path);
  };
  const repair = async (): Promise<string> => {
    await route.repair();
    return tmpFolders.find(receiver, path);
  };
  const resolved = await putFileBySftp(
    sftp,
    location,
    path,
    { bytes, mtime: change.info.mtime, mode },
    {
      resolver: route.resolver,
      known,
      guess: tmpFolders.guess(receiver, path),
      checked: check(),
      repair,
    },
  );
  if (isBackAtPath(resolved)) return { ...answer, bytes: bytes.length, result: 'kept' };
  return { ...answer, bytes: bytes.length, result: 'delivered', sha256 };
}

/**
 * Checks whether the other host can take the file. `no way`: parent directories are missing. Any
 * file at the path itself is met when the file is placed.
 */
async function checkDestination(
  change: PutChange,
  location: TransferRoute['there'],
  known: Set<string>,
): Promise<'free' | 'kept' | 'no parent'> {
  if (!(await checkParentDirs(location, change.path, known))) return 'no parent';
  if (change.rule === undefined) return 'free';
  const target = `${location.dirPath}/${change.path.slice(location.dir.length + 1)}`;
  const there = await location.disk.stat(target);
  if (there !== undefined && there.kind !== 'file') throw makeNotAFileError(target);
  return there !== undefined && keepsExistingFile(change, there) ? 'kept' : 'free';
}
