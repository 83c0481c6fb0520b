import { makeParents } from '../replica/parents.js';
import { checkName } from '../replica/names.js';
import { notAFile } from '../replica/node-disk.js';
import type { Outcome, Seen } from '../model/words.js';
import { asFailure, failed } from './failure.js';
import { sameFacts, type Put, type Route } from './transfer-route.js';

/**
 * A change that is ready to be transferred: its source is unchanged, and the other disk can take
 * it.
 */
export interface Ready {
  readonly change: Put;
  /** Relative to the sync dir. */
  readonly rest: string;
  /** The source right before the transfer. */
  readonly seen: Seen;
  /** The folder in the receiver's tmp area in which the file is written. */
  readonly tmp: string;
}

/**
 * Checks both ends of one put, and makes missing parent directories.
 *
 * @param known directories that were looked at before, on either side
 */
export async function lookAt(
  route: Route,
  change: Put,
  known: KnownDirs,
): Promise<Ready | Outcome> {
  const { receiver } = route;
  const answer = { change, via: 'rsync', bytes: 0 } as const;
  try {
    const seen = await route.observe(change.path, known.source);
    if (seen === undefined) return { ...answer, result: 'vanished' };
    if (!sameFacts(seen, change.facts)) return { ...answer, result: 'changed' };
    await checkName(receiver, change.path);
    await makeParents(receiver, change.path, known.receiver);
    const rest = change.path.slice(receiver.dir.length + 1);
    const target = `${receiver.dirPath}/${rest}`;
    const there = await receiver.disk.stat(target);
    // rsync would replace a symlink or an empty directory without keeping it.
    if (there !== undefined && there.kind !== 'file') throw notAFile(target);
    if (there !== undefined && keepsItsOwn(change, there)) return { ...answer, result: 'kept' };
    return { change, rest, seen, tmp: await route.tmpFolders.find(receiver, change.path) };
  } catch (error) {
    return failed(change, 'rsync', asFailure(error, 'path'));
  }
}

/**
 * Absolute paths of real directories: on the disk that sends the files, and on the one that
 * receives them.
 */
export interface KnownDirs {
  readonly source: Set<string>;
  readonly receiver: Set<string>;
}

/**
 * Checks whether the source changed during the transfer. Undefined if it did not: then the bytes
 * that arrived are those of the version.
 */
export async function lookAgain(
  route: Route,
  { change, seen }: Ready,
  known = new Set<string>(),
): Promise<Outcome | undefined> {
  try {
    const after = await route.observe(change.path, known);
    const same = after !== undefined && sameFacts(after, seen) && after.nanos === seen.nanos;
    return same
      ? undefined
      : { change, via: 'rsync', bytes: 0, result: after === undefined ? 'vanished' : 'changed' };
  } catch (error) {
    const failure = asFailure(error, 'path');
    // Something else lies there now, so the bytes that were sent may not be the file's.
    return failure.of === 'path'
      ? { change, via: 'rsync', bytes: 0, result: 'changed' }
      : failed(change, 'rsync', failure);
  }
}

/**
 * Whether a conflict rule lets the other side keep its own file. On a tie the existing file wins.
 */
export function keepsItsOwn({ rule, facts }: Put, there: Seen): boolean {
  if (rule === undefined || rule === 'overwrite' || sameFacts(facts, there)) return false;
  return rule === 'keep' || there.mtime >= facts.mtime;
}
