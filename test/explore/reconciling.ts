import type { Evidence } from '../../src/decisions/reconcile.js';
import {
  bit,
  type Emit,
  has,
  hostOf,
  holdsReplaced,
  isAwaited,
  isUp,
  known,
  left,
  type Model,
  nameOf,
  nameOfContent,
  ownCopy,
  place,
  spend,
  takeCopy,
  uncaptured,
  wantedBy,
  writeFile,
  writeTombstone,
  writeVersion,
} from './model.js';
import { crash } from './misfortune.js';
import { isFull, start } from './placement.js';
import { contentOf } from './decisions.js';
import {
  type Content,
  copy,
  type HostIndex,
  type Look,
  noLook,
  type Reason,
  type State,
} from './state.js';

/**
 * Processing a capture, or a scan: read the entry, look at the disk, then compare-and-set, which
 * fails where the version moved.
 */
export function reconcilePath(model: Model, state: State, host: HostIndex, emit: Emit): void {
  const { look } = hostOf(state, host);
  if (look.step === 'none') return begin(model, state, host, emit);
  if (look.step === 'decided') return decide(model, state, host, look, emit);
  const next = copy(state);
  lookAtDisk(model, next, host);
  emit(next, `${label(host, look.why)}: sees ${nameOfContent(hostOf(state, host).disk)}`, true);
}

function label(host: HostIndex, why: Reason): string {
  return `${nameOf(host)} ${why === 'scan' ? 'scan' : why === 'left' ? 'delete' : 'capture'}`;
}

function begin(model: Model, state: State, host: HostIndex, emit: Emit): void {
  const own = hostOf(state, host),
    { decisions, options } = model;
  // The task that puts back checks the path again once that is done.
  if (
    state.placements.some(
      ({ kind, to, driver, step }) =>
        step !== 'free' && kind === 'put-back' && to === host && driver === 'there',
    )
  )
    return;
  const due: [Reason, boolean][] = [
    ['named', own.named > 0],
    ['left', own.left],
    ['asserted', own.asserted > 0],
    ['scan', !options.scanless || isPendingAtOrigin(model, state, host)],
  ];
  for (const [why, isDue] of due) {
    if (!isDue) continue;
    const answer = decisions.reconcile(
      state,
      state.entry,
      host,
      own.disk,
      why,
      findEvidence(model, state, host, state.entry),
    );
    const next = copy(state);
    if (answer === 'wait') continue;
    if (answer === 'nothing') {
      noteCompared(model, next, host, why);
      // A delete whose file is still there is checked again, and a scan leaves nothing behind.
      if (
        why === 'scan' ? next.entry === state.entry : why === 'left' && own.disk && !state.isNamed
      )
        continue;
      if (why !== 'scan') removeRow(next, host, why);
      emit(
        next,
        `${label(host, why)}: nothing to ` +
          `do${next.entry === state.entry ? '' : ', has compared the content'}`,
        true,
      );
      continue;
    }
    const held = ((decisions.known(state.entry)?.held ?? 0) & bit(host)) !== 0;
    hostOf(next, host).look = {
      step: 'read',
      why,
      seen: 0,
      answer: 'nothing',
      entry: decisions.seenBy(state.entry, host),
      sameVersion: true,
      sameOrigin: true,
      held,
      listed: own.listed,
      sameFile: false,
      byApp: false,
    };
    if (!options.fine) lookAtDisk(model, next, host);
    emit(
      next,
      options.fine
        ? `${label(host, why)}: reads entry`
        : `${label(host, why)}: reads entry, sees ${nameOfContent(own.disk)}`,
      true,
    );
  }
}

/** Without scans an origin still re-checks its own entries (`leader/jobs/recheck-origin.ts`). */
function isPendingAtOrigin(model: Model, state: State, host: HostIndex): boolean {
  const entry = known(model, state);
  return entry?.origin === host && has(entry.pending, host);
}

/** The answer, from the entry as it was read and the disk as it is. */
function lookAtDisk(model: Model, next: State, host: HostIndex): void {
  const own = hostOf(next, host),
    { look, disk } = own,
    { decisions } = model;
  const answer = decisions.reconcile(
    next,
    look.entry,
    host,
    disk,
    look.why,
    findEvidence(model, next, host, look.entry),
  );
  const wanted = wantedBy(model, next, host, look.listed);
  const entry =
    answer === 'new-version'
      ? decisions.newVersion(next, look.entry, host, disk, wanted)
      : answer === 'tombstone'
        ? decisions.tombstone(look.entry, host, wanted)
        : answer === 'revive'
          ? decisions.revive(look.entry, host, wanted)
          : answer === 'restore'
            ? look.entry
            : 0;
  own.look = {
    ...look,
    step: 'decided',
    seen: disk,
    answer,
    entry,
    sameFile: disk !== 0,
    byApp: own.byApp,
  };
}

/** The evidence that a look takes from disk and database. */
function findEvidence(model: Model, state: State, host: HostIndex, entry: number): Evidence {
  return {
    ownCopy: ownCopy(model, state, host, entry) !== 0,
    lateDelivery: ownCopy(model, state, host, entry, 'late') !== 0,
    uncaptured: uncaptured(model, state, host, entry) !== 0,
    referenced: state.isNamed,
    takenByDelete: isTaken(state, host),
    saveExpected: isAwaited(state, host),
    arrivedRecently: true,
  };
}

/**
 * Whether a removal has taken a file from the path since the save, and it still lies where it was
 * put.
 */
function isTaken(state: State, host: HostIndex): boolean {
  const { taken, replaced, trash, grave } = hostOf(state, host);
  return (
    taken !== 0 &&
    (has(replaced | trash | grave, taken) ||
      state.placements.some(
        (placement) => holdsReplaced(placement, host) && placement.moved === taken,
      ))
  );
}

/**
 * The file at the path was read, and is the version: it need not be read again until somebody
 * touches it.
 */
function noteCompared(model: Model, next: State, host: HostIndex, why: Reason): void {
  const own = hostOf(next, host),
    { decisions, options } = model,
    entry = known(model, next);
  if (
    !options.exact ||
    why === 'left' ||
    !entry ||
    entry.current !== own.disk ||
    !has(entry.held, host)
  )
    return;
  if (
    !decisions.compares(next, next.entry, host, own.disk, why) ||
    !decisions.isChanged(next, next.entry, host, own.disk)
  )
    return;
  next.entry = decisions.confirmStamp(next.entry, host);
  own.stamped = true;
}

function decide(model: Model, state: State, host: HostIndex, look: Look, emit: Emit): void {
  const { decisions } = model,
    { answer, seen, why } = look;
  const next = copy(state),
    own = hostOf(next, host);
  const finish = (what: string): void => {
    const told = `${label(host, why)}: ${what}`;
    // A capture is removed after what it led to is stored: after a crash in between it is processed
    // again.
    if (why !== 'scan' && left(state, 'crashes'))
      emit(
        crash(spend(next, 'crashes'), host),
        `${told}, crashes before removing the capture`,
        false,
      );
    removeRow(next, host, why);
    emit(next, told, true);
  };
  if (answer !== 'new-version' && answer !== 'hold') own.look = noLook;
  switch (answer) {
    case 'nothing':
      return finish('nothing to do now');
    case 'wait':
      return emit(next, `${label(host, why)}: waits for the delivery`, true);
    case 'new-version':
      // An older version that nobody has put back there is not to win: a delivery has brought it
      // late.
      if (look.sameVersion && look.held && !look.byApp && isOlder(model, state.entry, seen))
        next.buried |= bit(seen);
      if (look.sameVersion) writeFile(model, next, look.entry, host, seen, look.held);
      own.look = noLook;
      // Without an entry this is an insert, which a duplicate key refuses.
      if (!look.sameVersion) return emit(next, `${label(host, why)}: version moved, again`, true);
      // The app has put it back, and a save names it.
      if (
        (look.byApp ||
          (decisions.known(state.entry)?.entry.kind === 'tombstone' && state.isNamed)) &&
        (why === 'named' || why === 'left' || (why === 'asserted' && own.asserted === seen))
      )
        next.buried &= ~bit(seen);
      return finish(`version = ${nameOfContent(seen)}`);
    case 'tombstone':
      if (!look.sameVersion) {
        if (decisions.mayStillBury(state.entry, host))
          return emit(next, `${label(host, why)}: version moved, and is its own, again`, true);
        return finish('version moved, and is newer than the delete');
      }
      writeTombstone(model, next, look.entry, host);
      // Whether a document has come to name it is searched once more, before the capture is
      // removed.
      if (!decisions.rules.buriesUnchecked)
        return emit(next, `${label(host, why)}: tombstone`, true);
      return finish('tombstone');
    case 'revive':
      if (!look.sameVersion) return finish('version moved');
      writeVersion(next, look.entry, host);
      next.buried &= ~bit(decisions.known(next.entry)?.current ?? 0);
      return finish('a document names it, revived');
    case 'take-back': {
      const { taken } = own;
      if (own.disk || !isTaken(state, host))
        return emit(
          next,
          `${label(host, why)}: the path is taken, or its copy is gone, again`,
          true,
        );
      takeCopy(next, host, taken);
      place(next, host, taken);
      own.taken = 0;
      // It checks the path again at once.
      own.look = {
        ...look,
        step: 'read',
        entry: decisions.seenBy(state.entry, host),
        sameVersion: true,
        sameOrigin: true,
      };
      lookAtDisk(model, next, host);
      return emit(next, `${label(host, why)}: takes ${nameOfContent(taken)} back`, true);
    }
    case 'redate':
      // One that came meanwhile has a date of its own; either way it checks the path again at once.
      if (look.sameFile && look.sameVersion) own.redated = decisions.datedBy(state.entry);
      if (look.sameFile && look.sameVersion) own.stamped = false;
      return emit(
        next,
        `${label(host, why)}: gives ${nameOfContent(seen)} the date of the version, again`,
        true,
      );
    case 'put-back': {
      if (isFull(state)) return;
      const content = uncaptured(model, state, host, state.entry);
      if (!content || !look.sameVersion)
        return emit(
          next,
          `${label(host, why)}: its copy is gone, or the version moved, again`,
          true,
        );
      start(next, { kind: 'put-back', from: host, to: host, content, sameVersion: true, read: 0 });
      return emit(next, `${label(host, why)}: puts ${nameOfContent(content)} back, again`, true);
    }
    case 'restore': {
      if (isFull(state)) return;
      const content = ownCopy(model, state, host, look.entry);
      if (!content) return emit(next, `${label(host, why)}: its copy is gone, again`, true);
      start(next, {
        kind: 'restore',
        from: host,
        to: host,
        content,
        sameVersion: look.sameVersion,
        read: 0,
      });
      return finish('restores its own copy');
    }
    case 'trash':
      if (isFull(state)) return;
      start(next, {
        kind: 'trash',
        from: host,
        to: host,
        content: 0,
        sameVersion: look.sameVersion,
        read: 0,
      });
      return finish('moves it to its own trash');
    default:
      if (!look.sameVersion || !look.sameOrigin) {
        own.look = noLook;
        return emit(next, `${label(host, why)}: version or origin moved, again`, true);
      }
      {
        const compared =
          model.options.exact &&
          look.sameFile &&
          decisions.compares(state, state.entry, host, own.disk, why);
        next.entry = decisions.follow(state.entry, host, answer, compared);
        if (answer === 'hold') own.stamped = compared;
        own.look = noLook;
      }
      return finish(
        {
          hold: 'has it, holds it',
          'mark-pending': 'waits for it',
          leave: 'vanished, leaves the holders',
        }[answer],
      );
  }
}

function isOlder({ decisions }: Model, entry: number, content: Content): boolean {
  const then = decisions.known(entry)?.entry;
  return (
    then?.kind === 'file' && then.superseded.some(({ sha256 }) => contentOf(sha256) === content)
  );
}

function removeRow(state: State, host: HostIndex, why: Reason): void {
  const own = hostOf(state, host);
  if (why === 'named') own.named--;
  if (own.named === 0 && (why === 'asserted' || own.asserted === 0)) own.taken = 0;
  if (why === 'named') return;
  if (why === 'left') own.left = false;
  else if (why === 'asserted') {
    own.asserted = 0;
    own.assertedDated = false;
  }
}

/** A holder takes over the entry of an origin that is gone or has lost the bytes. */
export function takeOver(
  model: Model,
  state: State,
  host: HostIndex,
  gone: number,
  emit: Emit,
  replaceOrigin: (next: State, entry: number) => void,
): void {
  if (!isUp(model, state, host)) return;
  const entry = model.decisions.takeOver(state.entry, host, gone);
  if (entry === state.entry) return;
  const next = copy(state);
  replaceOrigin(next, entry);
  emit(next, `${nameOf(host)} takes over`, true);
}
