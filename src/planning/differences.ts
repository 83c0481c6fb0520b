import type { Conflict, Difference, Entry, Facts, HostId, Path, SyncDir } from '../words.js';
import { haveSameFacts } from './standing.js';
import { captures } from './wants.js';

type Captor = Parameters<typeof captures>[0];

/** What a push makes of a difference between this host and another. */
export type PushAnswer = 'nothing' | 'owe';

/** Whether this side's file wins over one that the ledger does not know, by the sync dir's conflict rule. */
export function winsOverUnknown(dir: SyncDir, ours: Facts, unknown: Facts): boolean {
  return dir.conflict === 'overwrite' || (dir.conflict === 'newer' && ours.mtime >= unknown.mtime);
}

/**
 * A difference seen from a push, after this host's own scan: the other side is owed what this host holds and it has not, whatever
 * the ledger believed of it. What stands there and the ledger does not know the other side captures by itself; where it does not, it stays
 * where the conflict rule says so.
 */
export function answerPush({ there }: Difference, entry: Entry | undefined, me: HostId, dir: SyncDir, to: Captor): PushAnswer {
  if (entry?.kind !== 'file' || !entry.facts || !entry.heldBy.includes(me)) return 'nothing';
  if (!there || isOld(entry, there)) return 'owe';
  return !haveSameFacts(there, entry.facts) && !captures(to) && winsOverUnknown(dir, entry.facts, there) ? 'owe' : 'nothing';
}

/** Whether a push would send this: as `answerPush`, had its scan captured what no entry knows here. */
export function wouldPush(difference: Difference, entry: Entry | undefined, me: HostId, dir: SyncDir, to: Captor): boolean {
  const { here, there } = difference;
  if (!here) return false;
  const isKnown = entry !== undefined && (isOld(entry, here) || (entry.facts !== undefined && haveSameFacts(entry.facts, here)));
  if (isKnown) return answerPush(difference, entry, me, dir, to) === 'owe';
  return !there || (entry !== undefined && isOld(entry, there)) || (!captures(to) && winsOverUnknown(dir, here, there));
}

function isOld(entry: Entry, facts: Facts): boolean {
  return entry.superseded.some((old) => haveSameFacts(old, facts));
}

/** What a pull makes of it: fetch a known version, fetch what the ledger does not know, or owe the other side. */
export type PullAnswer =
  | { do: 'nothing' } | { do: 'owe there' } | { do: 'fetch'; entry: Entry } | { do: 'fetch unknown'; rule: Conflict };

/**
 * A difference seen from a pull. The ledger's order decides between captured versions; `conflict` only where it knows nothing of
 * the other side's file.
 */
export function answerPull(
  difference: Difference, entry: Entry | undefined, me: HostId, from: { id: HostId; passive: boolean }, dir: SyncDir,
): PullAnswer {
  const { there, here } = difference;
  if (!there) return from.passive && entry?.heldBy.includes(from.id) ? { do: 'owe there' } : { do: 'nothing' };
  if (entry?.facts && haveSameFacts(there, entry.facts)) {
    // What a holder has instead is news that its own scan is about to capture: a pull would take it away.
    return entry.heldBy.includes(me) && here && !isOld(entry, here) ? { do: 'nothing' } : { do: 'fetch', entry };
  }
  if (entry && isOld(entry, there)) return from.passive && entry?.heldBy.includes(from.id) ? { do: 'owe there' } : { do: 'nothing' };
  // An active host captures its own files; only where no entry stands in the way it is worth not waiting for it.
  if (!from.passive && entry) return { do: 'nothing' };
  if (here && (dir.conflict === 'keep' || (dir.conflict === 'newer' && here.mtime >= there.mtime))) return { do: 'nothing' };
  return { do: 'fetch unknown', rule: dir.conflict };
}

/** Hosts a run concerns, of those that could be: all, or those asked for. */
export function isAskedFor<T extends string>(asked: readonly T[], one: T): boolean {
  return asked.length === 0 || asked.includes(one);
}

/** The sync dirs a run concerns. */
export function chooseDirs(dirs: readonly SyncDir[], asked: readonly Path[]): SyncDir[] {
  return dirs.filter((dir) => isAskedFor(asked, dir.path));
}
