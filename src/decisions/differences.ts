import type { ConflictRule, SyncDir } from '../model/sync-dir.js';
import type { Difference } from '../model/change.js';
import type { Entry } from '../model/entry.js';
import type { FileInfo } from '../model/file.js';
import type { HostId } from '../model/host.js';
import type { TransferReason } from '../model/run.js';
import { applyConflictRule } from './conflict-rule.js';
import { haveSameSizeAndTime } from './file-state.js';
import { capturesOwnFiles } from './wants.js';

type CapturingHost = Parameters<typeof capturesOwnFiles>[0];

/** How a push handles a difference between this host and another. */
type PushAnswer = 'nothing' | 'mark-pending';

/**
 * Whether this host's file wins, by the conflict rule, over one on another host that the ledger
 * does not know. On a tie this host's file wins.
 */
export function winsOverUnknown(dir: SyncDir, ours: FileInfo, unknown: FileInfo): boolean {
  return applyConflictRule(dir.conflict, ours, unknown) !== 'existing';
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
  to: CapturingHost,
): PushAnswer {
  if (entry?.kind !== 'file' || !entry.info || !entry.heldBy.includes(me)) return 'nothing';
  if (!there || isSuperseded(entry, there)) return 'mark-pending';
  return !haveSameSizeAndTime(there, entry.info) &&
    !capturesOwnFiles(to) &&
    winsOverUnknown(dir, entry.info, there)
    ? 'mark-pending'
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
  to: CapturingHost,
): boolean {
  const { here, there } = difference;
  if (!here) return false;
  const isKnown =
    entry !== undefined &&
    (isSuperseded(entry, here) ||
      (entry.info !== undefined && haveSameSizeAndTime(entry.info, here)));
  if (isKnown) return answerPush(difference, entry, me, dir, to) === 'mark-pending';
  return (
    !there ||
    (entry !== undefined && isSuperseded(entry, there)) ||
    (!capturesOwnFiles(to) && winsOverUnknown(dir, here, there))
  );
}

/**
 * Why a run would transfer a file: what its receiver has at the path.
 * @param receiving the receiver's file
 * @param sent the file that would be transferred
 */
export function explainTransfer(
  receiving: FileInfo | undefined,
  sent: FileInfo | undefined,
  entry: Entry | undefined,
): TransferReason {
  if (!receiving) return 'missing';
  const isOlder =
    entry === undefined
      ? sent !== undefined && receiving.mtime < sent.mtime
      : isSuperseded(entry, receiving);
  return isOlder ? 'older' : 'different';
}

function isSuperseded(entry: Entry, facts: FileInfo): boolean {
  return entry.superseded.some((superseded) => haveSameSizeAndTime(superseded, facts));
}

/**
 * How a pull handles a difference: fetch a known version, fetch an unknown file, or mark the
 * other host pending.
 */
type PullAnswer =
  | { do: 'nothing' }
  | { do: 'mark pending there' }
  | { do: 'fetch'; entry: Entry }
  | { do: 'fetch unknown'; rule: ConflictRule };

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
      ? { do: 'mark pending there' }
      : { do: 'nothing' };
  if (entry?.info && haveSameSizeAndTime(there, entry.info)) {
    // If this host holds the entry, other bytes here are newer and its own scan will capture
    // them. A pull would replace them.
    return entry.heldBy.includes(me) && here && !isSuperseded(entry, here)
      ? { do: 'nothing' }
      : { do: 'fetch', entry };
  }
  if (entry && isSuperseded(entry, there))
    return from.passive && entry?.heldBy.includes(from.id)
      ? { do: 'mark pending there' }
      : { do: 'nothing' };
  // An active host captures its own files. Fetching one without waiting is safe only if no entry
  // exists.
  if (!from.passive && entry) return { do: 'nothing' };
  if (here && applyConflictRule(dir.conflict, there, here) !== 'incoming') return { do: 'nothing' };
  return { do: 'fetch unknown', rule: dir.conflict };
}

/** Whether a run includes this host or sync dir. An empty request means all. */
export function isRequested<T extends string>(requested: readonly T[], one: T): boolean {
  return requested.length === 0 || requested.includes(one);
}
