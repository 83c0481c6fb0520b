import type { Entry, Facts, HostId, Seen } from '../words.js';
import { supersededLimit } from './entries.js';
import { findStanding, haveSameFacts, type FoundStanding } from './standing.js';

/**
 * nothing; new-version: the ledger hears of these bytes; hold, owe, leave: this host joins the holders, owes itself, leaves the
 * holders; restore: this host lands its own copy from `.syncmedia`; trash: it moves the file to its own trash.
 */
export type Answer = 'nothing' | 'new-version' | 'hold' | 'owe' | 'leave' | 'restore' | 'trash';

export interface Situation {
  readonly entry: Entry | undefined;
  readonly standing: FoundStanding;
  readonly me: HostId;
  /** A host that is not ready contributes only what its own app has just named and no entry knows. */
  readonly ready: boolean;
  /** named: a document names the path; scan: it was found on the disk; asserted: somebody says that the bytes are news. */
  readonly why: 'named' | 'scan' | 'asserted';
  /** Whether the current bytes lie in this host's own `.syncmedia`. */
  readonly ownCopy: boolean;
  /** Whether removals in this sync dir wait for a person. */
  readonly removalsHalted: boolean;
}

/** When ledger and disk disagree: the one table for fold, sweep, scan and a lane whose source moved (ARCHITECTURE.md). */
export function reconcile(situation: Situation): Answer {
  const { entry, standing, me, ready, why } = situation;
  if (why === 'asserted' && standing !== 'absent') return 'new-version';
  if (!entry) return standing === 'absent' || (why === 'scan' && !ready) ? 'nothing' : 'new-version';
  const held = entry.heldBy.includes(me), owed = entry.owed.includes(me) || entry.blocked.some(({ host }) => host === me);
  if (standing === 'unknown') {
    // Where the entry remembers all it can, what lies here may be an older version still: the delivery that is owed decides.
    const isDelivered = entry.kind === 'file' && owed && entry.heldBy.length > 0;
    if (why === 'scan' && isDelivered && entry.superseded.length >= supersededLimit) return 'nothing';
    return ready ? 'new-version' : 'nothing';
  }
  if (entry.kind === 'tombstone') return reconcileTombstone(standing, held, situation.removalsHalted);
  if (standing === 'current') return held ? 'nothing' : 'hold';
  if (standing === 'absent') {
    if (situation.ownCopy && (held || owed)) return 'restore';
    return held ? 'leave' : 'nothing';
  }
  if (!owed) return 'owe';
  return situation.ownCopy ? 'restore' : 'nothing';
}

function reconcileTombstone(standing: FoundStanding, held: boolean, removalsHalted: boolean): Answer {
  if (standing === 'absent') return held ? 'nothing' : 'hold';
  return removalsHalted ? 'nothing' : 'trash';
}

/**
 * Why a host looks at a path. An assertion is about the bytes that lay there when it was made: what has landed there since is not
 * what was meant, and a capture that is folded again after a crash would bring it back.
 */
export function findWhy(why: 'named' | 'scan', seen: Seen | undefined, asserted: Seen | undefined): Situation['why'] {
  const isMeant = seen !== undefined && asserted !== undefined && haveSameFacts(seen, asserted) && seen.nanos === asserted.nanos;
  return isMeant ? 'asserted' : why;
}

/**
 * Whether the fold of a capture is going to make a version of what lies at its path on the host that captured it, as far as another host can
 * tell: that sees size and second only.
 */
export function willMakeVersion({ entry, found, host, asserted }: {
  readonly entry: Entry | undefined; readonly found: Facts; readonly host: HostId; readonly asserted: readonly Facts[];
}): boolean {
  const standing = findStanding(entry, { ...found, nanos: 0 }, { onCapturingDisk: false });
  const why = asserted.some((seen) => haveSameFacts(seen, found)) ? 'asserted' : 'named';
  // Where the content would have to decide, it is a version that the entry knows.
  return reconcile({ entry, standing: standing ?? 'old', me: host, ready: true, why, ownCopy: false, removalsHalted: false }) === 'new-version';
}

/** Whether the answer may depend on a copy in `.syncmedia`, which is worth looking for only then. */
export function dependsOnOwnCopy(situation: Omit<Situation, 'ownCopy'>): boolean {
  return reconcile({ ...situation, ownCopy: true }) === 'restore';
}

/**
 * Whether a delete whose entry moved on is to be looked at again. A version of this host's own that came between is of bytes that it saw
 * before the app removed them; that of another host is newer than the delete.
 */
export function mayStillBury(now: Entry | undefined, me: HostId): boolean {
  return now?.kind === 'file' && now.sender === me;
}

/**
 * What follows for a path that an operation left, from the entry as it was before the disk was looked at. The delete means the file: it
 * is one once the app has removed it here, and no document names it.
 */
export function reconcileLeft({ entry, isHere }: { entry: Entry | undefined; isHere: boolean }): 'nothing' | 'tombstone' | 'look-again' {
  if (isHere) return 'look-again';
  return entry?.kind === 'file' ? 'tombstone' : 'nothing';
}
