import { hasCode, type ErrorCode } from '../model/errors.js';
import type { Path, Seen, Verdict, AsideBy } from '../model/words.js';
import { areas, inPlace, readClock, timeOf, type Place } from './areas.js';
import type { DiskStat, Judge } from './disk.js';
import { localDisk, removeSpecialBits } from './node-disk.js';
import { makeParents } from './parents.js';
import { isSafePath } from './paths.js';
import { folderOf, makeFolder, placeWhereEmpty, replaceAt } from './replace.js';
import { removeEmptied, walkOwn } from './walk.js';

/**
 * The result for one replaced file: `verdict` says where it went, `keptAs` is its new path
 * relative to the sync dir.
 */
export interface Judged {
  readonly path: Path;
  readonly found: Seen;
  readonly verdict: Verdict;
  readonly keptAs?: string;
}

/**
 * Whether a placement or a removal put the file that it found back at the path. The receiver's
 * own file won then.
 */
export function isBackAtPath(judged: readonly Judged[]): boolean {
  return judged.some(({ verdict }) => verdict === 'return' || verdict === 'put-back');
}

/**
 * A file that the app writes while its older bytes are put back replaces them again. After this
 * many rounds the bytes become a conflict for a person, since two resolvers that undo each other
 * for ever would be a fault.
 */
const MAX_PUT_BACKS = 2;

/**
 * Errors that say that nobody can place a file at the path now. After any other error the file
 * stays in the replaced area for a later try.
 */
const PATH_REFUSES: readonly ErrorCode[] = [
  'LINK_FAILED',
  'NOT_A_FILE',
  'SYMLINK_IN_PATH',
  'PERMISSION_DENIED',
  'BAD_PATH',
];

interface AsideFile {
  readonly place: Place;
  readonly path: Path;
  /**
   * `rest` is the path below the sync dir; `at` is where the file lies now, relative to the sync
   * dir.
   */
  readonly rest: string;
  readonly at: string;
  readonly found: Seen;
}

/**
 * Resolves every file in one folder of the replaced area. Other processes may resolve the same
 * folder: a file that vanishes meanwhile is theirs. After an error the remaining files stay, and
 * are resolved later as leftovers.
 */
export async function judgeAside(
  place: Place,
  asideName: string,
  by: AsideBy,
  judge: Judge,
): Promise<Judged[]> {
  const folder = `${areas.aside}/${asideName}`;
  const judged: Judged[] = [];
  for await (const { at, stat } of walkOwn(place, folder)) {
    if (stat.kind === 'directory') await place.disk.removeDirectory(inPlace(place, at));
    else
      judged.push(
        ...(await judgeFound(place, at, at.slice(folder.length + 1), stat, by, judge, 0)),
      );
  }
  await place.disk.removeDirectory(inPlace(place, folder));
  return judged;
}

/**
 * Resolves the file at `rest` in a folder of the replaced area, then removes the directories that
 * this empties.
 */
export async function judgeOne(
  place: Place,
  asideName: string,
  rest: string,
  by: AsideBy,
  judge: Judge,
  putBacks = 0,
): Promise<Judged[]> {
  const at = `${areas.aside}/${asideName}/${rest}`;
  const stat = await place.disk.stat(inPlace(place, at));
  const judged =
    stat === undefined ? [] : await judgeFound(place, at, rest, stat, by, judge, putBacks);
  await removeEmptied(place, folderOf(at), areas.aside);
  return judged;
}

/**
 * Resolves files that a crash left in the replaced area more than `olderThanMs` ago, by that
 * disk's clock. Younger folders may still be in use.
 */
export async function judgeLeftovers(
  place: Place,
  judge: Judge,
  olderThanMs: number,
): Promise<Judged[]> {
  const names = (await place.disk.list(inPlace(place, areas.aside))) ?? [];
  if (names.length === 0) return [];
  const now = await readClock(place);
  const judged: Judged[] = [];
  for (const name of names.sort()) {
    const stat = await place.disk.stat(inPlace(place, `${areas.aside}/${name}`));
    if (stat?.kind !== 'directory' || now - timeOf(stat) < olderThanMs) continue;
    judged.push(...(await judgeAside(place, name, 'leftover', judge)));
  }
  return judged;
}

async function judgeFound(
  place: Place,
  at: string,
  rest: string,
  stat: DiskStat,
  by: AsideBy,
  judge: Judge,
  putBacks: number,
): Promise<Judged[]> {
  const path = `${place.dir}/${rest}`;
  if (!isSafePath(path)) return [];
  const { size, mtime, nanos } = stat;
  const file: AsideFile = { place, path, rest, at, found: { size, mtime, nanos } };
  // No entry can know a symlink or special file that was swapped in at the last moment.
  if (stat.kind !== 'file') return keepAsConflict(file, judge);
  const verdict = await judge(path, file.found, by, () =>
    place.disk.hash(inPlace(place, at), place.hashLimit ?? Infinity),
  );
  switch (verdict) {
    case 'drop':
      await place.disk.remove(inPlace(place, at));
      return [{ path, found: file.found, verdict }];
    case 'trash':
      return keepIn(areas.trash, verdict, file);
    case 'conflict':
      return keepAsConflict(file, judge);
    case 'return':
      return orConflict(file, judge, () => returnFile(file, judge));
    case 'put-back':
      return putBacks < MAX_PUT_BACKS
        ? orConflict(file, judge, () => putBack(file, judge, putBacks))
        : keepAsConflict(file, judge);
  }
}

async function keepIn(
  area: string,
  verdict: Verdict,
  { place, path, rest, at, found }: AsideFile,
): Promise<Judged[]> {
  const keptAs = `${area}/${await makeFolder(place, area, rest)}/${rest}`;
  if (await place.disk.rename(inPlace(place, at), inPlace(place, keptAs)))
    return [{ path, found, verdict, keptAs }];
  await removeEmptied(place, folderOf(keptAs), area);
  return [];
}

async function keepAsConflict(file: AsideFile, judge: Judge): Promise<Judged[]> {
  if (await isAtPath(file)) {
    await file.place.disk.remove(inPlace(file.place, file.at));
    return [{ path: file.path, found: file.found, verdict: 'drop' }];
  }
  const kept = await keepIn(areas.conflicts, 'conflict', file);
  if (kept.length > 0) judge.onConflict?.(file.path);
  return kept;
}

async function returnFile(file: AsideFile, judge: Judge): Promise<Judged[]> {
  const { place, path, rest, at, found } = file;
  if (place.disk === localDisk) await removeSpecialBits(inPlace(place, at));
  await makeParents(place, path);
  const placed = await placeWhereEmpty(place, inPlace(place, at), inPlace(place, rest));
  if (placed === 'occupied') return keepAsConflict(file, judge);
  return placed === 'placed' ? [{ path, found, verdict: 'return' }] : [];
}

/**
 * Whether the path has the same bytes by now, for example when a delete met a delivery. Then
 * there is no conflict.
 */
async function isAtPath({ place, rest, at, found }: AsideFile): Promise<boolean> {
  const [there, limit] = [await place.disk.stat(inPlace(place, rest)), place.hashLimit ?? Infinity];
  if (
    there?.kind !== 'file' ||
    there.size !== found.size ||
    (await place.disk.stat(inPlace(place, at)))?.kind !== 'file'
  )
    return false;
  const mine = await place.disk.hash(inPlace(place, at), limit);
  return mine !== undefined && mine === (await place.disk.hash(inPlace(place, rest), limit));
}

async function putBack(
  { place, path, rest, at, found }: AsideFile,
  judge: Judge,
  putBacks: number,
): Promise<Judged[]> {
  if (place.disk === localDisk) await removeSpecialBits(inPlace(place, at));
  await makeParents(place, path);
  const replaced = await replaceAt(place, path, inPlace(place, at));
  if (replaced === 'vanished') return [];
  // A rename between two names of one file does nothing. The path has the bytes, so this second
  // name must go.
  await place.disk.remove(inPlace(place, at));
  const judged: Judged[] = [{ path, found, verdict: 'put-back' }];
  for (const aside of replaced.aside)
    judged.push(...(await judgeOne(place, aside, rest, 'put-back', judge, putBacks + 1)));
  return judged;
}

async function orConflict(
  file: AsideFile,
  judge: Judge,
  place: () => Promise<Judged[]>,
): Promise<Judged[]> {
  try {
    return await place();
  } catch (error) {
    if (!PATH_REFUSES.some((code) => hasCode(error, code))) throw error;
    return keepAsConflict(file, judge);
  }
}
