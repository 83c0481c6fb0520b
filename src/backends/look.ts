import { makeParents } from '../root/landing.js';
import { checkName } from '../root/names.js';
import { notAFile } from '../root/local-disk.js';
import type { Outcome, Seen } from '../words.js';
import { asFailure, failed } from './failure.js';
import { sameFacts, type Put, type Route } from './route.js';

/** A change that can go: its source is what it says, and its place on the other disk can take it. */
export interface Ready {
  readonly change: Put;
  /** Relative to the sync dir. */
  readonly rest: string;
  /** The source just before. */
  readonly seen: Seen;
  /** Where in the receiver's tmp area it is written. */
  readonly tmp: string;
}

/**
 * Looks at both ends of one put, and makes the missing directories on the way.
 *
 * @param known directories that were looked at before, on either side
 */
export async function lookAt(route: Route, change: Put, known: KnownDirs): Promise<Ready | Outcome> {
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
    // rsync would replace a symlink, or an empty directory, without keeping anything aside.
    if (there !== undefined && there.kind !== 'file') throw notAFile(target);
    if (there !== undefined && keepsItsOwn(change, there)) return { ...answer, result: 'kept' };
    return { change, rest, seen, tmp: await route.tmpFolders.find(receiver, change.path) };
  } catch (error) {
    return failed(change, 'rsync', asFailure(error, 'path'));
  }
}

/** Absolute paths of real directories, on the disk that files are taken from and on the one that gets them. */
export interface KnownDirs { readonly source: Set<string>; readonly receiver: Set<string> }

/** What became of the source while it was sent; undefined: nothing, the bytes that arrived are those of the version. */
export async function lookAgain(route: Route, { change, seen }: Ready, known = new Set<string>()): Promise<Outcome | undefined> {
  try {
    const after = await route.observe(change.path, known);
    const same = after !== undefined && sameFacts(after, seen) && after.nanos === seen.nanos;
    return same ? undefined : { change, via: 'rsync', bytes: 0, result: after === undefined ? 'vanished' : 'changed' };
  } catch (error) {
    const failure = asFailure(error, 'path');
    // Something else lies there now, so what was sent may not have been the file.
    return failure.of === 'path' ? { change, via: 'rsync', bytes: 0, result: 'changed' } : failed(change, 'rsync', failure);
  }
}

/** Whether a rule leaves the other side its own file. A tie goes to whoever is there. */
export function keepsItsOwn({ rule, facts }: Put, there: Seen): boolean {
  if (rule === undefined || rule === 'overwrite' || sameFacts(facts, there)) return false;
  return rule === 'keep' || there.mtime >= facts.mtime;
}
