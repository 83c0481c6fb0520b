import { contentOf } from './decisions.js';
import {
  bit,
  type Emit,
  has,
  hostOf,
  holdsReplaced,
  isPassive,
  isUp,
  known,
  left,
  type Model,
  nameOf,
  nameOfContent,
  place,
  spend,
  takeAway,
  takeCopy,
} from './model.js';
import { copy, type HostIndex, type Placement, noPlacement, type State } from './state.js';

type Begun = Pick<Placement, 'kind' | 'from' | 'to' | 'content' | 'sameVersion' | 'read'>;

/** How often bytes are put back in a row, as in `replica/replaced.ts`. */
const putBackLimit = 2;
/** Of the rows that name the path: more would lead to no other state. */
export const mostRows = 3;

export function isFull({ placements }: State): boolean {
  return placements.every(({ step }) => step !== 'free');
}

export function start(state: State, begun: Begun): void {
  const i = state.placements[0].step === 'free' ? 0 : 1;
  state.placements[i] = { ...noPlacement, ...begun, step: 'sent' };
}

/**
 * Delivery queues: the deliveries of this host as origin. A rename that is late, or of a process
 * that paused, is unknown to them.
 */
export function deliver(model: Model, state: State, from: HostIndex, emit: Emit): void {
  const entry = known(model, state);
  if (!entry || entry.origin !== from || isFull(state)) return;
  for (let to = 0; to < state.hosts.length; to++) {
    if (
      to === from ||
      hostOf(state, to).retired ||
      !model.decisions.mayDeliver(state.entry, from, to)
    )
      continue;
    const isBusy = state.placements.some(
      (placement) =>
        placement.step !== 'free' &&
        placement.driver === 'there' &&
        placement.from === from &&
        placement.to === to &&
        (placement.kind === 'put' || placement.kind === 'remove'),
    );
    if (isBusy) continue;
    const next = copy(state),
      label = `queue ${nameOf(from)}→${nameOf(to)}`,
      content = hostOf(state, from).disk;
    const read = model.decisions.rules.resolvesBeforeRename
      ? model.decisions.seenBy(state.entry, undefined)
      : 0;
    if (entry.entry.kind === 'tombstone') {
      start(next, { kind: 'remove', from, to, content: 0, sameVersion: true, read });
      emit(next, `${label} reads tombstone`, true);
    } else if (model.decisions.isSource(state, state.entry, from, content)) {
      start(next, { kind: 'put', from, to, content, sameVersion: true, read });
      emit(next, `${label} reads entry, sends ${nameOfContent(content)} into tmp`, true);
    }
  }
}

/** A host that lacks the version fetches it from one that has it. */
export function fetches(
  model: Model,
  state: State,
  to: HostIndex,
  bySystem: boolean,
  emit: Emit,
): void {
  const entry = known(model, state);
  if (entry?.entry.kind !== 'file' || has(entry.held, to) || isFull(state)) return;
  if (
    state.placements.some(
      (placement) =>
        placement.step !== 'free' &&
        placement.to === to &&
        (placement.kind === 'fetch' || placement.kind === 'restore'),
    )
  )
    return;
  for (let from = 0; from < state.hosts.length; from++) {
    const content = hostOf(state, from).disk;
    if (
      from === to ||
      !has(entry.held, from) ||
      !model.decisions.isSource(state, state.entry, from, content) ||
      hostOf(state, to).disk === content
    )
      continue;
    const next = bySystem ? copy(state) : spend(state, 'fetches');
    const read = model.decisions.rules.resolvesBeforeRename
      ? model.decisions.seenBy(state.entry, undefined)
      : 0;
    start(next, { kind: 'fetch', from, to, content, sameVersion: true, read });
    emit(next, `${nameOf(to)} fetches ${nameOfContent(content)} from ${nameOf(from)}`, bySystem);
  }
}

/** Whether the host captures by itself what its app writes. */
function captures(model: Model, state: State, host: HostIndex): boolean {
  return !isPassive(model, host) && !model.decisions.isNotReady(state, host);
}

const isRemoval = ({ kind }: Placement): boolean => kind === 'remove' || kind === 'trash';

/**
 * (Link into `replaced`,) rename; read the entry and resolve the replaced file; carry that out;
 * acknowledge, fenced by the version.
 */
export function advancePlacement(model: Model, state: State, i: 0 | 1, emit: Emit): void {
  const placement = state.placements[i],
    next = copy(state),
    then = next.placements[i];
  const { to, kind } = placement,
    there = hostOf(state, to).disk;
  const label =
    kind === 'put' || kind === 'remove'
      ? `queue ${nameOf(placement.from)}→${nameOf(to)}`
      : `${kind} ${nameOf(to)}`;
  const who = placement.driver === 'there' ? label : `${label} (${placement.driver})`;
  const tell = (what: string): void => {
    emit(next, `${who}: ${what}`, true);
  };
  switch (placement.step) {
    case 'free':
      return;
    case 'sent':
      if (!isRemoval(placement) && model.options.window && there) {
        then.step = 'linked';
        then.moved = there;
        return tell(`links ${nameOfContent(there)} into replaced`);
      }
      return tell(rename(model, next, then, there));
    case 'linked':
      return tell(rename(model, next, then, placement.moved));
    case 'placed':
      return tell(resolve(model, state, placement, then));
    case 'resolved':
      return tell(carryOut(model, next, then, i));
    case 'done':
      return tell(acknowledge(model, next, placement, i));
  }
}

function rename(model: Model, next: State, then: Placement, moved: number): string {
  const { to, content, kind } = then;
  if (
    (kind === 'restore' && !takeCopy(next, to, content)) ||
    (kind === 'put-back' && !takeCopy(next, to, content, 'replaced'))
  ) {
    Object.assign(then, noPlacement);
    return 'its copy is gone';
  }
  then.step = 'placed';
  then.moved = moved;
  if (isRemoval(then)) {
    const own = hostOf(next, to);
    takeAway(next, to);
    if (moved && (own.named > 0 || own.asserted > 0)) own.taken = moved;
  } else {
    place(next, to, content);
    if (model.decisions.known(next.entry)?.current === content)
      hostOf(next, to).redated = model.decisions.datedBy(next.entry);
  }
  // A transfer drops the fraction of the mtime.
  if (kind === 'put' || kind === 'fetch') hostOf(next, to).dated &= ~bit(content);
  const what = isRemoval(then)
    ? `${nameOfContent(moved)} into replaced`
    : `places ${nameOfContent(content)}, replaces ${nameOfContent(moved)}`;
  if (then.driver === 'late') {
    // No process is left to resolve it.
    if (moved) hostOf(next, to).replaced |= bit(moved);
    Object.assign(then, noPlacement);
  }
  return what;
}

function resolve(model: Model, state: State, placement: Placement, then: Placement): string {
  if (!placement.moved) {
    then.step = 'done';
    return 'nothing to resolve';
  }
  const sent = placement.kind === 'trash' ? undefined : placement.sameVersion ? 'now' : 'before';
  const entry =
    model.decisions.rules.resolvesBeforeRename && placement.read ? placement.read : state.entry;
  const version = model.decisions.rules.resolvesBeforeRename && placement.read ? 'now' : sent;
  then.resolution = model.decisions.resolveReplaced(
    state,
    entry,
    placement.to,
    placement.moved,
    isRemoval(placement) ? 'removed' : placement.putBacks > 0 ? 'put-back' : 'replaced',
    version,
    captures(model, state, placement.to),
    driverOf(placement) !== placement.to,
  );
  then.step = 'resolved';
  return `${nameOfContent(placement.moved)}: ${then.resolution}`;
}

function carryOut(model: Model, next: State, then: Placement, i: 0 | 1): string {
  const { to, moved, resolution, putBacks } = then,
    own = hostOf(next, to),
    name = nameOfContent(moved);
  then.step = 'done';
  then.moved = 0;
  then.resolution = 'none';
  if (!moved) return 'the replaced file is gone';
  switch (resolution) {
    case 'trash':
      keepInTrash(model, next, to, moved, isRemoval(then));
      return `${name} to the trash`;
    case 'put-back': {
      if (putBacks >= putBackLimit) break;
      const there = own.disk;
      place(next, to, moved);
      then.content = moved;
      then.putBacks++;
      // Resolved again; a mutation forgets to.
      if (there && !model.decisions.rules.putsBackOver) {
        then.step = 'placed';
        then.moved = there;
      }
      return `puts ${name} back, replaces ${nameOfContent(there)}`;
    }
    case 'put-back-if-absent':
      if (own.disk) break;
      place(next, to, moved);
      if (then.kind === 'remove') then.resolution = 'put-back-if-absent';
      return `puts ${name} back where the path is empty`;
    case 'drop':
    case 'none':
      return `${name} dropped`;
    case 'conflict':
      break;
  }
  void i;
  if (own.disk === moved) return `${name} dropped, the path has it`;
  own.conflicts |= bit(moved);
  return `${name} is a conflict, kept`;
}

/** A person may want a file back that lies under a tombstone, or that a removal took. */
function keepInTrash(
  model: Model,
  next: State,
  host: HostIndex,
  content: number,
  removed: boolean,
): void {
  const own = hostOf(next, host);
  const entry = known(model, next)?.entry,
    isKnown = entry?.superseded.some(({ sha256 }) => contentOf(sha256) === content);
  if (isKnown && (removed || entry?.kind === 'tombstone')) own.grave |= bit(content);
  else own.trash |= bit(content);
}

function acknowledge(model: Model, next: State, placement: Placement, i: 0 | 1): string {
  next.placements[i] = { ...noPlacement };
  const { decisions } = model,
    { to, kind, sameVersion } = placement,
    own = hostOf(next, to);
  const isBack = placement.resolution === 'put-back-if-absent' || placement.putBacks > 0;
  if (isBack && captures(model, next, to) && decisions.rules.capturesWhatIsKept)
    own.named = Math.min(own.named + 1, mostRows);
  // The task that puts back goes on: its capture is still there.
  if (kind === 'put-back') own.named = Math.max(own.named, 1);
  if (kind === 'trash' || kind === 'put-back') return 'checked again';
  if (kind === 'restore') {
    if (placement.putBacks > 0) return 'its own is back, checked again';
    if (!sameVersion) return 'version moved';
    next.entry = decisions.follow(next.entry, to, kind);
    return 'holds it';
  }
  if (kind === 'fetch' && placement.putBacks > 0) return 'its own is back';
  if (isBack) {
    next.entry = decisions.acknowledgeKept(next.entry, to, sameVersion);
    return sameVersion
      ? 'kept there, not concerned'
      : 'kept there, but the entry moved, pending again';
  }
  next.entry = decisions.acknowledge(next.entry, to, sameVersion);
  return sameVersion ? 'acknowledges' : 'fence fails, pending again';
}

/** The host itself resolves the replaced files that a crash left. */
export function leftovers(model: Model, state: State, host: HostIndex, emit: Emit): void {
  const { replaced, disk } = hostOf(state, host);
  for (let content = 1; replaced >> content; content++) {
    if (has(replaced, content))
      resolveLeftover(model, copy(state), host, content, disk, emit, (next) => {
        hostOf(next, host).replaced &= ~bit(content);
      });
  }
  // The replaced file of a process that paused looks the same.
  state.placements.forEach((placement, i) => {
    if (
      placement.driver === 'paused' &&
      holdsReplaced(placement, host) &&
      placement.step !== 'linked'
    ) {
      resolveLeftover(model, copy(state), host, placement.moved, disk, emit, (next) => {
        next.placements[i as 0 | 1].moved = 0;
      });
    }
  });
}

function resolveLeftover(
  model: Model,
  next: State,
  host: HostIndex,
  content: number,
  there: number,
  emit: Emit,
  take: (next: State) => void,
): void {
  take(next);
  const own = hostOf(next, host),
    resolution = model.decisions.resolveReplaced(
      next,
      next.entry,
      host,
      content,
      'leftover',
      undefined,
      captures(model, next, host),
      isPassive(model, host),
    );
  if (resolution === 'trash') keepInTrash(model, next, host, content, false);
  else if (resolution === 'put-back-if-absent' && (!there || model.decisions.rules.putsBackOver))
    place(next, host, content);
  else if (resolution !== 'drop' && there !== content) own.conflicts |= bit(content);
  const what =
    there === content
      ? 'dropped, the path has it'
      : resolution === 'put-back-if-absent' && there
        ? 'kept, the path is taken'
        : resolution;
  emit(next, `${nameOf(host)} resolves leftover ${nameOfContent(content)}: ${what}`, true);
}

export function driverOf({ kind, from, to }: Placement): HostIndex {
  return kind === 'put' || kind === 'remove' ? from : to;
}
export function mayFetch(model: Model, state: State, host: HostIndex): boolean {
  return left(state, 'fetches') > 0 && isUp(model, state, host);
}
