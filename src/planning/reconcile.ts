import type { Entry, Facts, HostId, Seen } from '../words.js';
import { supersededLimit } from './entries.js';
import { findStanding, haveSameFacts, looksKnown, removedStamp, type FoundStanding } from './standing.js';

/**
 * nothing; wait: a delivery to this host may be about to be acknowledged, and the save is looked at again after that; new-version: the ledger hears of these bytes; hold, owe, leave: this host joins the holders, owes itself, leaves the
 * holders; restore: this host lands its own copy of the current bytes from `.syncmedia`; trash: it moves the file to its own trash;
 * put-back: it puts back what a late delivery replaced before it was captured; take-back: it puts back what a delivered delete has taken from the
 * path since a save named it; redate: it gives the file the date of the version.
 */
export type Answer = 'nothing' | 'wait' | 'new-version' | 'hold' | 'owe' | 'leave' | 'restore' | 'trash' | 'put-back' | 'take-back' | 'redate';

/** What may be asked of disk and database before a path can be decided on. */
export interface Evidence {
  /** The current bytes lie in this host's own `.syncmedia`. */
  readonly ownCopy: boolean;
  /** A delivery of other bytes that came late has replaced them: they lie in its aside area, or became a conflict since they were captured. */
  readonly lateDelivery: boolean;
  /** Bytes that the entry does not know lie in this host's aside area: its app wrote them, and a delivery replaced them before they were captured. */
  readonly uncaptured: boolean;
  /** The file may have come to its path after the version was captured, and the save is no older than a few minutes. */
  readonly cameLately: boolean;
  /** A save may be about to say that these bytes are meant: a capture of this host that names the path waits, or the file came a moment ago. */
  readonly awaited: boolean;
  /** A document names the path now; 'unknown' where this process does not have every model. */
  readonly referenced: boolean | 'unknown';
  /** A delete that was delivered here has taken a file from the path since the save, and it lies in this host's own `.syncmedia`. */
  readonly taken: boolean;
}

/** The decision needs to know this first. */
export interface Question { readonly ask: keyof Evidence }

export interface Situation {
  readonly entry: Entry | undefined;
  readonly standing: FoundStanding;
  readonly me: HostId;
  /** A host that is not ready contributes only what its own app has just named and no entry knows. */
  readonly ready: boolean;
  /** named: a document names the path; scan: it was found on the disk; asserted: somebody says that the bytes are news. */
  readonly why: 'named' | 'scan' | 'asserted';
  /** Whether removals in this sync dir wait for a person. */
  readonly removalsHalted: boolean;
  /** As much as was asked so far. */
  readonly evidence: Partial<Evidence>;
}

/** When ledger and disk disagree: the one table for fold, sweep, scan and a lane whose source moved (ARCHITECTURE.md). */
export function reconcile(situation: Situation): Answer | Question {
  const answer = decide(situation), { why, standing, evidence: { uncaptured } } = situation;
  if (answer !== 'new-version' || why !== 'named' || (standing !== 'old' && standing !== 'lost')) return answer;
  // The save named the app's own bytes, which lay there before the delivery, and not the older version that it brought.
  if (uncaptured === undefined) return { ask: 'uncaptured' };
  return uncaptured ? 'put-back' : 'new-version';
}

function decide(situation: Situation): Answer | Question {
  const { entry, standing, me, ready, why } = situation;
  // Nobody has written anything: the same bytes are no version, whoever names them, and no conflict.
  if (standing === 'redated') return 'redate';
  if (why === 'asserted' && standing !== 'absent') return 'new-version';
  if (!entry) return standing === 'absent' || (why === 'scan' && !ready) ? 'nothing' : 'new-version';
  const held = entry.heldBy.includes(me), owed = entry.owed.includes(me) || entry.blocked.some(({ host }) => host === me);
  if (standing === 'unknown') {
    // Where the entry remembers all it can, what lies here may be an older version still: the delivery that is owed decides.
    const isDelivered = entry.kind === 'file' && owed && entry.heldBy.length > 0;
    if (why === 'scan' && isDelivered && entry.superseded.length >= supersededLimit) return 'nothing';
    return ready ? 'new-version' : 'nothing';
  }
  if (entry.kind === 'tombstone') return reconcileTombstone(situation, held);
  if (standing === 'current') return held ? 'nothing' : 'hold';
  if (standing === 'absent') {
    const ownCopy = held || owed ? situation.evidence.ownCopy : false;
    if (ownCopy === undefined) return { ask: 'ownCopy' };
    if (ownCopy) return 'restore';
    return held ? 'leave' : 'nothing';
  }
  if (owed) {
    if (situation.evidence.ownCopy === undefined) return { ask: 'ownCopy' };
    if (situation.evidence.ownCopy) return 'restore';
    if (why !== 'named' || !ready) return 'nothing';
    // It was captured here, is gone from here, and nobody holds it: what a save names by now is better than a file that is missing.
    if (entry.sender === me && entry.heldBy.length === 0) return 'new-version';
    // The app may have put the older version back over the current one, which had landed and was not acknowledged yet.
    if (situation.evidence.cameLately === undefined) return { ask: 'cameLately' };
    return situation.evidence.cameLately ? 'wait' : 'nothing';
  }
  return held || entry.stamps?.[me] === removedStamp ? reconcileReverted(situation, held) : 'owe';
}

/**
 * An older version lies at the path of a host that had the current one. Its app has put it there, unless a late delivery did: that has
 * left the current bytes aside. What a save names is meant; what a scan finds may be about to be named.
 */
function reconcileReverted({ ready, why, evidence: { lateDelivery, awaited } }: Situation, held: boolean): Answer | Question {
  if (held && lateDelivery === undefined) return { ask: 'lateDelivery' };
  if (held && lateDelivery === true) return 'restore';
  if (why === 'named' && ready) return 'new-version';
  if (awaited === undefined) return { ask: 'awaited' };
  return awaited ? 'nothing' : 'owe';
}

/**
 * A file that a document names wins over a delete, whatever its date. A scan asks for that only where this host had acknowledged the
 * delete: elsewhere the file is the one that the delete means.
 */
function reconcileTombstone({ standing, why, removalsHalted, evidence: { awaited, referenced, taken } }: Situation, held: boolean): Answer | Question {
  const settled = held ? 'nothing' : 'hold';
  if (standing === 'absent') {
    if (why !== 'named') return settled;
    if (taken === undefined) return { ask: 'taken' };
    if (!taken) return settled;
    return referenced === undefined ? { ask: 'referenced' } : referenced === true ? 'take-back' : settled;
  }
  if (why === 'named') {
    if (referenced === undefined) return { ask: 'referenced' };
    if (referenced !== false) return 'new-version';
  } else if (held) {
    if (awaited === undefined) return { ask: 'awaited' };
    if (awaited) return 'nothing';
    if (referenced === undefined) return { ask: 'referenced' };
    if (referenced === true) return 'new-version';
  }
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
  const seen = { ...found, nanos: 0 };
  // What has facts of its own may be the same bytes with another date, which does no harm.
  const standing = looksKnown(entry, seen, { onCapturingDisk: false }) ? findStanding(entry, seen, { onCapturingDisk: false }) : 'unknown';
  const why = asserted.some((seen) => haveSameFacts(seen, found)) ? 'asserted' : 'named';
  // Whether a late delivery brought it only that host can see; that a document names it is what its capture says.
  const evidence = { ownCopy: false, lateDelivery: true, uncaptured: false, cameLately: false, awaited: false, referenced: true, taken: false };
  // Where the content would have to decide, it is a version that the entry knows.
  return reconcile({ entry, standing: standing ?? 'old', me: host, ready: true, why, removalsHalted: false, evidence }) === 'new-version';
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
 * is one once the app has removed it here, and no document names it. 'check': a delete of this host's own is recorded already; whether a
 * document came to name the file meanwhile was perhaps not asked, since its process ended first.
 */
export function reconcileLeft({ entry, isHere, me }: { entry: Entry | undefined; isHere: boolean; me: HostId }): 'nothing' | 'tombstone' | 'look-again' | 'check' {
  if (entry?.kind === 'tombstone' && entry.capturedBy === me) return 'check';
  if (isHere) return 'look-again';
  return entry?.kind === 'file' ? 'tombstone' : 'nothing';
}
