import { hasCode } from '../../../model/errors.js';
import { isBackAtPath } from '../../../replica/replaced.js';
import { checkParents, makeParents } from '../../../replica/parents.js';
import { notAFile } from '../../../replica/node-disk.js';
import type { Channel } from '../../ssh/channels.js';
import type { Outcome } from '../../../model/words.js';
import { asFailure, cancelled, failed } from '../../failure.js';
import { inParallel } from '../../../util/map-concurrently.js';
import { keepsItsOwn } from '../../check-remote-dirs.js';
import type { Put, Route } from '../../transfer-route.js';
import type { Sources } from './sources.js';
import { putFile } from './put.js';

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
  sources: Sources,
  route: Route,
  files: readonly Put[],
  mode: number,
  known: Set<string>,
  onUnable: (file: Put) => void,
  signal: AbortSignal,
): AsyncGenerator<Outcome> {
  const { channels } = route.connection;
  if (files.length >= widenFrom) channels.widen();
  const largest = files.reduce((most, { facts }) => Math.max(most, facts.size), 1);
  const atOnce = Math.max(4, Math.min(filesAtOnce, Math.floor(bytesAtOnce / largest)));
  const outcomes = inParallel(files, atOnce, async (change) => {
    if (signal.aborted) return failed(change, 'sftp', cancelled());
    try {
      return await channels.use((channel) => sendOne(sources, route, change, mode, known, channel));
    } catch (error) {
      if (!hasCode(error, 'NO_SFTP')) return failed(change, 'sftp', asFailure(error, 'path'));
      onUnable(change);
      return undefined;
    }
  });
  for await (const outcome of outcomes) if (outcome !== undefined) yield outcome;
}

/** The checks and the upload run at once. Nothing is placed before the checks were answered. */
async function sendOne(
  sources: Sources,
  route: Route,
  change: Put,
  mode: number,
  known: Set<string>,
  { sftp, disk }: Channel,
): Promise<Outcome> {
  const answer = { change, via: 'sftp', bytes: 0 } as const;
  const place = { ...route.there, disk };
  // A conflict rule may decide that nothing is sent, so it is checked first.
  const look = change.rule === undefined ? undefined : await lookThere(change, place, known);
  if (look === 'kept') return { ...answer, result: 'kept' };
  const source = await sources.read(change);
  if (typeof source === 'string') return { ...answer, result: source };
  const { bytes, sha256 } = source;
  const { tmpFolders, receiver } = route,
    { path } = change;
  const check = async (): Promise<string> => {
    const [way] = await Promise.all([
      look ?? lookThere(change, place, known),
      route.check(),
      tmpFolders.look(receiver, path),
    ]);
    if (way === 'no way') await makeParents(place, path, known);
    return tmpFolders.find(receiver, path);
  };
  const repair = async (): Promise<string> => {
    await route.repair();
    return tmpFolders.find(receiver, path);
  };
  const judged = await putFile(
    sftp,
    place,
    path,
    { bytes, mtime: change.facts.mtime, mode },
    {
      judge: route.judge,
      known,
      guess: tmpFolders.guess(receiver, path),
      checked: check(),
      repair,
    },
  );
  if (isBackAtPath(judged)) return { ...answer, bytes: bytes.length, result: 'kept' };
  return { ...answer, bytes: bytes.length, result: 'delivered', sha256 };
}

/**
 * Checks whether the other host can take the file. `no way`: parent directories are missing. Any
 * file at the path itself is met when the file is placed.
 */
async function lookThere(
  change: Put,
  place: Route['there'],
  known: Set<string>,
): Promise<'free' | 'kept' | 'no way'> {
  if (!(await checkParents(place, change.path, known))) return 'no way';
  if (change.rule === undefined) return 'free';
  const target = `${place.dirPath}/${change.path.slice(place.dir.length + 1)}`;
  const there = await place.disk.stat(target);
  if (there !== undefined && there.kind !== 'file') throw notAFile(target);
  return there !== undefined && keepsItsOwn(change, there) ? 'kept' : 'free';
}
