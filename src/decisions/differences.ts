import type { Conflict, Difference, Entry, Facts, HostId, Path, SyncDir } from '../model/words.js';
import { haveSameFacts } from './file-state.js';
import { captures } from './wants.js';

type Captor = Parameters<typeof captures>[0];

/** How a push handles a difference between this host and another. */
export type PushAnswer = 'nothing' | 'owe';

/**
 * Whether this host's file wins, by the conflict rule, over one that the ledger does not know.
 */
export function winsOverUnknown(dir: SyncDir, ours: Facts, unknown: Facts): boolean {
  return dir.conflict === 'overwrite' || (dir.conflict === 'newer' && ours.mtime >= unknown.mtime);
}

/**
 * Decides on a difference during a push, after this host's own scan. The other host gets what
 * this host holds and the other lacks, whatever the ledger says. A file there that the ledger
 * does not know is left to that host if it captures its own files. Otherwise the conflict rule
 * decides.
 */
export function answerPush(
  { there }: Difference,
  entry: Entry | undefined,
  me: HostId,
  dir: SyncDir,
  to: Captor,
): PushAnswer {
  if (entry?.kind !== 'file' || !entry.facts || !entry.heldBy.includes(me)) return 'nothing';
  if (!there || isOld(entry, there)) return 'owe';
  return !haveSameFacts(there, entry.facts) &&
    !captures(to) &&
    winsOverUnknown(dir, entry.facts, there)
    ? 'owe'
    : 'nothing';
}

/**
 * Whether a push would send this. The result is that of `answerPush` after a scan that captured
 * all files here.
 */
export function wouldPush(
  difference: Difference,
  entry: Entry | undefined,
  me: HostId,
  dir: SyncDir,
  to: Captor,
): boolean {
  const { here, there } = difference;
  if (!here) return false;
  const isKnown =
    entry !== undefined &&
    (isOld(entry, here) || (entry.facts !== undefined && haveSameFacts(entry.facts, here)));
  if (isKnown) return answerPush(difference, entry, me, dir, to) === 'owe';
  return (
    !there ||
    (entry !== undefined && isOld(entry, there)) ||
    (!captures(to) && winsOverUnknown(dir, here, there))
  );
}

function isOld(entry: Entry, facts: Facts): boolean {
  return entry.superseded.some((old) => haveSameFacts(old, facts));
}

/**
 * How a pull handles a difference: fetch a known version, fetch an unknown file, or mark the
 * other host pending.
 */
export type PullAnswer =
  | { do: 'nothing' }
  | { do: 'owe there' }
  | { do: 'fetch'; entry: Entry }
  | { do: 'fetch unknown'; rule: Conflict };

/**
 * Decides on a difference during a pull. The ledger orders captured versions. The conflict rule
 * applies only if the ledger does not know the other host's file.
 */
export function answerPull(
  difference: Difference,
  entry: Entry | undefined,
  me: HostId,
  from: { id: HostId; passive: boolean },
  dir: SyncDir,
): PullAnswer {
  const { there, here } = difference;
  if (!there)
    return from.passive && entry?.heldBy.includes(from.id)
      ? { do: 'owe there' }
      : { do: 'nothing' };
  if (entry?.facts && haveSameFacts(there, entry.facts)) {
    // If this host holds the entry, other bytes here are newer and its own scan will capture
    // them. A pull would replace them.
    return entry.heldBy.includes(me) && here && !isOld(entry, here)
      ? { do: 'nothing' }
      : { do: 'fetch', entry };
  }
  if (entry && isOld(entry, there))
    return from.passive && entry?.heldBy.includes(from.id)
      ? { do: 'owe there' }
      : { do: 'nothing' };
  // An active host captures its own files. Fetching one without waiting is safe only if no entry
  // exists.
  if (!from.passive && entry) return { do: 'nothing' };
  if (here && (dir.conflict === 'keep' || (dir.conflict === 'newer' && here.mtime >= there.mtime)))
    return { do: 'nothing' };
  return { do: 'fetch unknown', rule: dir.conflict };
}

/** Whether a run includes this host or sync dir. An empty request means all. */
export function isAskedFor<T extends string>(asked: readonly T[], one: T): boolean {
  return asked.length === 0 || asked.includes(one);
}

/** The sync dirs that a run includes. */
export function chooseDirs(dirs: readonly SyncDir[], asked: readonly Path[]): SyncDir[] {
  return dirs.filter((dir) => isAskedFor(asked, dir.path));
}
