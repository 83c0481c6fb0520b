import type { Entry } from '../model/entry.js';
import type { FileInfo, LocalFileInfo } from '../model/file.js';
import type { HostId } from '../model/host.js';
import { supersededLimit } from './entries.js';
import {
  findFileState,
  haveSameSizeAndTime,
  looksLikeVersion,
  removedStamp,
  type FileState,
} from './file-state.js';

/**
 * What a host does after it compared a path with the ledger.
 *
 * - nothing: the ledger is right, or another step decides.
 * - wait: a delivery to this host may be about to be acknowledged; the save is checked later.
 * - new-version: the ledger records these bytes.
 * - hold, mark-pending, leave: this host joins the holders, becomes pending, or leaves them.
 * - restore: this host places its own copy of the current bytes from `.syncmedia` at the path.
 * - trash: it moves the file to its own trash.
 * - put-back: it puts back bytes that a late delivery replaced before they were captured.
 * - take-back: it puts back a file that a delivered delete took after a save had named it.
 * - redate: it gives the file the date of the version.
 */
export type ReconcileAnswer =
  | 'nothing'
  | 'wait'
  | 'new-version'
  | 'hold'
  | 'mark-pending'
  | 'leave'
  | 'restore'
  | 'trash'
  | 'put-back'
  | 'take-back'
  | 'redate';

/** What disk and database can tell before a path is decided. */
export interface Evidence {
  /** The current bytes lie in this host's own `.syncmedia`. */
  readonly ownCopy: boolean;
  /**
   * A late delivery of other bytes replaced the current ones. They lie in `.syncmedia/replaced`,
   * or became a conflict since they were captured.
   */
  readonly lateDelivery: boolean;
  /**
   * Bytes that the entry does not know lie in `.syncmedia/replaced`. This host's app wrote them,
   * and a delivery replaced them before they were captured.
   */
  readonly uncaptured: boolean;
  /**
   * The file may have come to its path after the version was captured, and the save is at most a
   * few minutes old.
   */
  readonly arrivedRecently: boolean;
  /**
   * A save may be about to name these bytes: a capture of this host that names the path waits, or
   * the file came a moment ago.
   */
  readonly saveExpected: boolean;
  /** A document names the path now. 'unknown' if this process does not have every model. */
  readonly referenced: boolean | 'unknown';
  /**
   * A delete that was delivered here took a file from the path after the save, and the file lies
   * in this host's own `.syncmedia`.
   */
  readonly takenByDelete: boolean;
}

/** The decision needs this evidence first. */
export interface EvidenceRequest {
  readonly needs: keyof Evidence;
}

export interface ReconcileSituation {
  readonly entry: Entry | undefined;
  readonly state: FileState;
  readonly me: HostId;
  /**
   * A host that is not ready contributes only files that its own app has just named and no entry
   * knows.
   */
  readonly ready: boolean;
  /**
   * named: a document names the path. scan: a scan found the file. asserted: the app declared the
   * bytes to be new.
   */
  readonly why: 'named' | 'scan' | 'asserted';
  /** Whether removals in this sync dir wait for a person. */
  readonly removalsHalted: boolean;
  /** What `mayBeForgotten` (`forgotten.ts`) says of the file; default false. */
  readonly mayBeForgotten?: boolean;
  /** The evidence gathered so far. */
  readonly evidence: Partial<Evidence>;
}

/**
 * Decides what a host does if ledger and disk disagree. The outbox, rescans, scans and delivery
 * queues whose source changed all use this one table (docs/design/reconciling.md).
 */
export function reconcile(situation: ReconcileSituation): ReconcileAnswer | EvidenceRequest {
  const answer = decideByState(situation),
    {
      why,
      state,
      evidence: { uncaptured },
    } = situation;
  if (
    answer !== 'new-version' ||
    why !== 'named' ||
    (state !== 'superseded' && state !== 'conflicting')
  )
    return answer;
  // The save named the app's own bytes, which lay there before the delivery. It did not name the
  // older version that the delivery brought.
  if (uncaptured === undefined) return { needs: 'uncaptured' };
  return uncaptured ? 'put-back' : 'new-version';
}

function decideByState(situation: ReconcileSituation): ReconcileAnswer | EvidenceRequest {
  const { entry, state, me, ready, why } = situation;
  // The app wrote no new bytes, so they are neither a version nor a conflict, even if a document
  // names them.
  if (state === 'redated') return 'redate';
  if (why === 'asserted' && state !== 'absent') return 'new-version';
  if (!entry) return state === 'absent' || (why === 'scan' && !ready) ? 'nothing' : 'new-version';
  const held = entry.heldBy.includes(me),
    pending = entry.pending.includes(me) || entry.blocked.some(({ host }) => host === me);
  if (state === 'unknown') {
    // If the entry remembers as many versions as it can, this file may be a forgotten one. The
    // pending delivery decides.
    const isDelivered = entry.kind === 'file' && pending && entry.heldBy.length > 0;
    if (why === 'scan' && isDelivered && entry.superseded.length >= supersededLimit)
      return 'nothing';
    if (!ready) return 'nothing';
    // Another host has the current bytes. The delivery of them keeps this file as a conflict.
    return why === 'scan' &&
      situation.mayBeForgotten === true &&
      entry.heldBy.some((host) => host !== me)
      ? reconcileReverted(situation, held)
      : 'new-version';
  }
  if (entry.kind === 'tombstone') return reconcileTombstone(situation, held);
  if (state === 'current') return held ? 'nothing' : 'hold';
  if (state === 'absent') {
    const ownCopy = held || pending ? situation.evidence.ownCopy : false;
    if (ownCopy === undefined) return { needs: 'ownCopy' };
    if (ownCopy) return 'restore';
    return held ? 'leave' : 'nothing';
  }
  if (pending) {
    if (situation.evidence.ownCopy === undefined) return { needs: 'ownCopy' };
    if (situation.evidence.ownCopy) return 'restore';
    if (why !== 'named' || !ready) return 'nothing';
    // The version was captured here, is gone from here, and nobody holds it. An older file that a
    // save names is better than a missing one.
    if (entry.origin === me && entry.heldBy.length === 0) return 'new-version';
    // The app may have put the older version back over the current one, which had arrived and was
    // not acknowledged yet.
    if (situation.evidence.arrivedRecently === undefined) return { needs: 'arrivedRecently' };
    return situation.evidence.arrivedRecently ? 'wait' : 'nothing';
  }
  return held || entry.stamps?.[me] === removedStamp
    ? reconcileReverted(situation, held)
    : 'mark-pending';
}

/**
 * A superseded or forgotten version lies at the path of a host that had the current one. Either the
 * app put it there, or a late delivery did, which leaves the current bytes in
 * `.syncmedia/replaced`. A save means the file that it names. A file that a scan finds may be named
 * in a moment.
 */
function reconcileReverted(
  { ready, why, evidence: { lateDelivery, saveExpected } }: ReconcileSituation,
  held: boolean,
): ReconcileAnswer | EvidenceRequest {
  if (held && lateDelivery === undefined) return { needs: 'lateDelivery' };
  if (held && lateDelivery === true) return 'restore';
  if (why === 'named' && ready) return 'new-version';
  if (saveExpected === undefined) return { needs: 'saveExpected' };
  return saveExpected ? 'nothing' : 'mark-pending';
}

/**
 * A file that a document names wins over a delete, regardless of its date. A scan checks for that
 * only on a host that had acknowledged the delete. On other hosts the file is the one that was
 * deleted.
 */
function reconcileTombstone(
  {
    state,
    why,
    removalsHalted,
    evidence: { saveExpected, referenced, takenByDelete },
  }: ReconcileSituation,
  held: boolean,
): ReconcileAnswer | EvidenceRequest {
  const acknowledged = held ? 'nothing' : 'hold';
  if (state === 'absent') {
    if (why !== 'named') return acknowledged;
    if (takenByDelete === undefined) return { needs: 'takenByDelete' };
    if (!takenByDelete) return acknowledged;
    return referenced === undefined
      ? { needs: 'referenced' }
      : referenced === true
        ? 'take-back'
        : acknowledged;
  }
  if (why === 'named') {
    if (referenced === undefined) return { needs: 'referenced' };
    if (referenced !== false) return 'new-version';
  } else if (held) {
    if (saveExpected === undefined) return { needs: 'saveExpected' };
    if (saveExpected) return 'nothing';
    if (referenced === undefined) return { needs: 'referenced' };
    if (referenced === true) return 'new-version';
  }
  return removalsHalted ? 'nothing' : 'trash';
}

/**
 * Why a host checks a path. An assertion concerns the bytes that lay there when it was made. A
 * file that arrived later was not meant. A capture that is processed again after a crash would
 * bring it back.
 */
export function findWhy(
  why: 'named' | 'scan',
  info: LocalFileInfo | undefined,
  asserted: LocalFileInfo | undefined,
): ReconcileSituation['why'] {
  const isMeant =
    info !== undefined &&
    asserted !== undefined &&
    haveSameSizeAndTime(info, asserted) &&
    info.nanos === asserted.nanos;
  return isMeant ? 'asserted' : why;
}

/**
 * Whether the host that captured a path will make a version of its file. This host sees only size
 * and second of that file, so the result is an estimate.
 */
export function willMakeVersion({
  entry,
  found,
  host,
  asserted,
}: {
  readonly entry: Entry | undefined;
  readonly found: FileInfo;
  readonly host: HostId;
  readonly asserted: readonly FileInfo[];
}): boolean {
  const info = { ...found, nanos: 0 };
  // A file with another size or date may be the same bytes, redated. Treating it as a version
  // does no harm.
  const state = looksLikeVersion(entry, info, { onCapturingDisk: false })
    ? findFileState(entry, info, { onCapturingDisk: false })
    : 'unknown';
  const why = asserted.some((info) => haveSameSizeAndTime(info, found)) ? 'asserted' : 'named';
  // Only that host can see whether a late delivery brought the file. Its capture proves that a
  // document names it.
  const evidence = {
    ownCopy: false,
    lateDelivery: true,
    uncaptured: false,
    arrivedRecently: false,
    saveExpected: false,
    referenced: true,
    takenByDelete: false,
  };
  // If the content would have to decide, the entry knows the version.
  return (
    reconcile({
      entry,
      state: state ?? 'superseded',
      me: host,
      ready: true,
      why,
      removalsHalted: false,
      evidence,
    }) === 'new-version'
  );
}

/**
 * Whether a delete whose entry changed meanwhile is checked again. If this host captured the new
 * version, a scan saw bytes that the app removed afterwards. A version of another host is newer
 * than the delete.
 */
export function mayStillDelete(now: Entry | undefined, me: HostId): boolean {
  return now?.kind === 'file' && now.origin === me;
}

/**
 * Decides on a path that an operation no longer names. `entry` was read before the disk was
 * checked. The delete counts once the app has removed the file here and no document names it.
 * 'check': this host already recorded a delete. Its process may have ended before it asked
 * whether a document names the file again.
 */
export function reconcileUnreferenced({
  entry,
  isHere,
  me,
}: {
  entry: Entry | undefined;
  isHere: boolean;
  me: HostId;
}): 'nothing' | 'tombstone' | 'look-again' | 'check' {
  if (entry?.kind === 'tombstone' && entry.capturedBy === me) return 'check';
  if (isHere) return 'look-again';
  return entry?.kind === 'file' ? 'tombstone' : 'nothing';
}
