import { hasCode } from '../../errors/errors.js';
import type { Judge } from '../../root/disk.js';
import { isBackAtPath, VanishedError, type Judged, type Place } from '../../root/landing.js';
import { checkParents, makeParents } from '../../root/parents.js';
import { notAFile } from '../../root/local-disk.js';
import type { Channel } from '../../ssh/channels.js';
import type { Outcome, Path } from '../../words.js';
import { asFailure, cancelled, failed } from '../failure.js';
import { inParallel } from '../in-parallel.js';
import { keepsItsOwn } from '../look.js';
import type { Shared } from '../options.js';
import type { Put, Route } from '../route.js';
import { placeFinished, putFile } from './put.js';
import type { SentAhead } from './staged.js';

/** Files under way at once: so many, and so many bytes of the largest of them. */
const filesAtOnce = 32;
const bytesAtOnce = 8 * 1024 * 1024;
/** From so many files on, several channels pay: the server flushes one file of each at a time. */
const widenFrom = 16;

/**
 * Sends small files by SFTP, one answer for each as soon as it is known. What the server cannot take this way (it lacks an
 * extension) is not answered but given to `onUnable`, for rsync.
 *
 * @param known directories there that were looked at before
 */
export async function* sendSmallFiles(
  shared: Pick<Shared, 'sources' | 'staged'>, route: Route, files: readonly Put[], mode: number, known: Set<string>, onUnable: (file: Put) => void, signal: AbortSignal,
): AsyncGenerator<Outcome> {
  const { channels } = route.connection;
  if (files.length >= widenFrom) channels.widen();
  const largest = files.reduce((most, { facts }) => Math.max(most, facts.size), 1);
  const atOnce = Math.max(4, Math.min(filesAtOnce, Math.floor(bytesAtOnce / largest)));
  const outcomes = inParallel(files, atOnce, async (change) => {
    if (signal.aborted) return failed(change, 'sftp', cancelled());
    try {
      return await channels.use((channel) => sendOne(shared, route, change, mode, known, channel));
    } catch (error) {
      if (!hasCode(error, 'NO_SFTP')) return failed(change, 'sftp', asFailure(error, 'path'));
      onUnable(change);
      return undefined;
    }
  });
  for await (const outcome of outcomes) if (outcome !== undefined) yield outcome;
}

/**
 * What was sent ahead is placed at once; else both looks and the upload are under way at once, and nothing is placed before the looks were
 * answered.
 */
async function sendOne({ sources, staged }: Pick<Shared, 'sources' | 'staged'>, route: Route, change: Put, mode: number, known: Set<string>, { sftp, disk }: Channel): Promise<Outcome> {
  const answer = { change, via: 'sftp', bytes: 0 } as const;
  const place = { ...route.there, disk };
  // Where a rule decides, it may well be that nothing is to be sent.
  const look = change.rule === undefined ? undefined : await lookThere(change, place, known);
  if (look === 'kept') return { ...answer, result: 'kept' };
  const taking = staged.take({ host: route.host.id, path: change.path, facts: change.facts });
  const discard = async (): Promise<void> => {
    const sent = await taking;
    if (sent) await disk.remove(sent.at);
  };
  const source = await sources.read(change).catch(async (error: unknown) => {
    await discard();
    throw error;
  });
  if (typeof source === 'string') {
    await discard();
    return { ...answer, result: source };
  }
  const ahead = await taking;
  const { bytes, sha256 } = source;
  const { tmpFolders, receiver } = route, { path } = change;
  const check = async (): Promise<string> => {
    const [way] = await Promise.all([look ?? lookThere(change, place, known), route.check(), tmpFolders.look(receiver, path)]);
    if (way === 'no way') await makeParents(place, path, known);
    return tmpFolders.find(receiver, path);
  };
  const repair = async (): Promise<string> => {
    await route.repair();
    return tmpFolders.find(receiver, path);
  };
  const { judge } = route;
  const put = (): Promise<Judged[]> => putFile(sftp, place, path, { bytes, mtime: change.facts.mtime, mode }, {
    judge, known, guess: tmpFolders.guess(receiver, path), checked: check(), repair,
  });
  const judged = ahead === undefined ? await put() : await placeAhead(place, change.path, ahead, { judge, known }, check, put);
  if (isBackAtPath(judged)) return { ...answer, bytes: bytes.length, result: 'kept' };
  return { ...answer, bytes: bytes.length, result: 'delivered', sha256 };
}

/** @param check that the place is right, where the look at it was too long ago @param put sends it anew, should it be gone from where it lay */
async function placeAhead(
  place: Place, path: Path, { at, looked, folder }: SentAhead, how: { readonly judge: Judge; readonly known: Set<string> },
  check: () => Promise<string>, put: () => Promise<Judged[]>,
): Promise<Judged[]> {
  try {
    if (!looked) {
      if (await check() !== folder) {
        await place.disk.remove(at);
        return await put();
      }
    } else for (const directory of looked) how.known.add(directory);
  } catch (error) {
    await place.disk.remove(at).catch(() => undefined);
    throw error;
  }
  try {
    return await placeFinished(place, path, at, how);
  } catch (error) {
    if (error instanceof VanishedError) return put();
    throw error;
  }
}

/** Whether the place there can take it; `no way`: directories on the way are missing. What lies at the path itself, landing meets. */
async function lookThere(change: Put, place: Route['there'], known: Set<string>): Promise<'free' | 'kept' | 'no way'> {
  if (!(await checkParents(place, change.path, known))) return 'no way';
  if (change.rule === undefined) return 'free';
  const target = `${place.dirPath}/${change.path.slice(place.dir.length + 1)}`;
  const there = await place.disk.stat(target);
  if (there !== undefined && there.kind !== 'file') throw notAFile(target);
  return there !== undefined && keepsItsOwn(change, there) ? 'kept' : 'free';
}
