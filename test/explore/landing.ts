import { contentOf } from './decisions.js';
import {
  bit,
  type Emit,
  has,
  hostOf,
  isAside,
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
import { copy, type HostIndex, type Landing, noLanding, type State } from './state.js';

type Begun = Pick<Landing, 'kind' | 'from' | 'to' | 'content' | 'sameVersion' | 'read'>;

/** How often bytes are put back in a row, as in `replica/replaced.ts`. */
const putBackLimit = 2;
/** Of the rows that name the path: more would be folded to no other end. */
const mostRows = 3;

export function isFull({ landings }: State): boolean {
  return landings.every(({ step }) => step !== 'free');
}

export function start(state: State, begun: Begun): void {
  const i = state.landings[0].step === 'free' ? 0 : 1;
  state.landings[i] = { ...noLanding, ...begun, step: 'sent' };
}

/**
 * Lanes: what this host, as sender, delivers. Of a rename that is late, or of a process that
 * paused, nobody knows.
 */
export function lanes(model: Model, state: State, from: HostIndex, emit: Emit): void {
  const entry = known(model, state);
  if (!entry || entry.origin !== from || isFull(state)) return;
  for (let to = 0; to < state.hosts.length; to++) {
    if (to === from || hostOf(state, to).retired || !model.decisions.maySend(state.entry, from, to))
      continue;
    const isBusy = state.landings.some(
      (landing) =>
        landing.step !== 'free' &&
        landing.driver === 'there' &&
        landing.from === from &&
        landing.to === to &&
        (landing.kind === 'put' || landing.kind === 'remove'),
    );
    if (isBusy) continue;
    const next = copy(state),
      lane = `lane ${nameOf(from)}→${nameOf(to)}`,
      content = hostOf(state, from).disk;
    const read = model.decisions.rules.judgesBeforeRename
      ? model.decisions.seenBy(state.entry, undefined)
      : 0;
    if (entry.entry.kind === 'tombstone') {
      start(next, { kind: 'remove', from, to, content: 0, sameVersion: true, read });
      emit(next, `${lane} reads tombstone`, true);
    } else if (model.decisions.isSource(state, state.entry, from, content)) {
      start(next, { kind: 'put', from, to, content, sameVersion: true, read });
      emit(next, `${lane} reads entry, sends ${nameOfContent(content)} into tmp`, true);
    }
  }
}

/** What a host that lacks the version fetches from one that has it. */
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
    state.landings.some(
      (landing) =>
        landing.step !== 'free' &&
        landing.to === to &&
        (landing.kind === 'fetch' || landing.kind === 'restore'),
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
    const read = model.decisions.rules.judgesBeforeRename
      ? model.decisions.seenBy(state.entry, undefined)
      : 0;
    start(next, { kind: 'fetch', from, to, content, sameVersion: true, read });
    emit(next, `${nameOf(to)} fetches ${nameOfContent(content)} from ${nameOf(from)}`, bySystem);
  }
}

/** Whether the host tells the ledger by itself of what its app writes. */
function captures(model: Model, state: State, host: HostIndex): boolean {
  return !isPassive(model, host) && !model.decisions.isNotReady(state, host);
}

const isRemoval = ({ kind }: Landing): boolean => kind === 'remove' || kind === 'trash';

/**
 * (Link aside,) rename; read the entry and judge what was replaced; carry that out; settle, fenced
 * by the version.
 */
export function land(model: Model, state: State, i: 0 | 1, emit: Emit): void {
  const landing = state.landings[i],
    next = copy(state),
    then = next.landings[i];
  const { to, kind } = landing,
    there = hostOf(state, to).disk;
  const lane =
    kind === 'put' || kind === 'remove'
      ? `lane ${nameOf(landing.from)}→${nameOf(to)}`
      : `${kind} ${nameOf(to)}`;
  const who = landing.driver === 'there' ? lane : `${lane} (${landing.driver})`;
  const tell = (what: string): void => {
    emit(next, `${who}: ${what}`, true);
  };
  switch (landing.step) {
    case 'free':
      return;
    case 'sent':
      if (!isRemoval(landing) && model.options.window && there) {
        then.step = 'linked';
        then.moved = there;
        return tell(`links ${nameOfContent(there)} aside`);
      }
      return tell(rename(model, next, then, there));
    case 'linked':
      return tell(rename(model, next, then, landing.moved));
    case 'placed':
      return tell(judge(model, state, landing, then));
    case 'judged':
      return tell(carryOut(model, next, then, i));
    case 'landed':
      return tell(settle(model, next, landing, i));
  }
}

function rename(model: Model, next: State, then: Landing, moved: number): string {
  const { to, content, kind } = then;
  if (
    (kind === 'restore' && !takeCopy(next, to, content)) ||
    (kind === 'put-back' && !takeCopy(next, to, content, 'replaced'))
  ) {
    Object.assign(then, noLanding);
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
    ? `${nameOfContent(moved)} into aside`
    : `lands ${nameOfContent(content)}, ${nameOfContent(moved)} aside`;
  if (then.driver === 'late') {
    // Nobody is there to judge it.
    if (moved) hostOf(next, to).aside |= bit(moved);
    Object.assign(then, noLanding);
  }
  return what;
}

function judge(model: Model, state: State, landing: Landing, then: Landing): string {
  if (!landing.moved) {
    then.step = 'landed';
    return 'nothing to judge';
  }
  const sent = landing.kind === 'trash' ? undefined : landing.sameVersion ? 'now' : 'before';
  const entry =
    model.decisions.rules.judgesBeforeRename && landing.read ? landing.read : state.entry;
  const version = model.decisions.rules.judgesBeforeRename && landing.read ? 'now' : sent;
  then.verdict = model.decisions.judge(
    state,
    entry,
    landing.to,
    landing.moved,
    isRemoval(landing) ? 'removed' : landing.putBacks > 0 ? 'put-back' : 'replaced',
    version,
    captures(model, state, landing.to),
    driverOf(landing) !== landing.to,
  );
  then.step = 'judged';
  return `${nameOfContent(landing.moved)}: ${then.verdict}`;
}

function carryOut(model: Model, next: State, then: Landing, i: 0 | 1): string {
  const { to, moved, verdict: resolution, putBacks } = then,
    own = hostOf(next, to),
    name = nameOfContent(moved);
  then.step = 'landed';
  then.moved = 0;
  then.verdict = 'none';
  if (!moved) return 'what was aside is gone';
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
      // Judged again; a mutation forgets to.
      if (there && !model.decisions.rules.putsBackOver) {
        then.step = 'placed';
        then.moved = there;
      }
      return `puts ${name} back, ${nameOfContent(there)} aside`;
    }
    case 'put-back-if-absent':
      if (own.disk) break;
      place(next, to, moved);
      if (then.kind === 'remove') then.verdict = 'put-back-if-absent';
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

/** Under a tombstone, and what a removal took, may be wanted again by a person. */
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

function settle(model: Model, next: State, landing: Landing, i: 0 | 1): string {
  next.landings[i] = { ...noLanding };
  const { decisions } = model,
    { to, kind, sameVersion } = landing,
    own = hostOf(next, to);
  const isBack = landing.verdict === 'put-back-if-absent' || landing.putBacks > 0;
  if (isBack && captures(model, next, to) && decisions.rules.capturesWhatIsKept)
    own.named = Math.min(own.named + 1, mostRows);
  // The fold that puts back goes on: its capture is still there.
  if (kind === 'put-back') own.named = Math.max(own.named, 1);
  if (kind === 'trash' || kind === 'put-back') return 'looked at again';
  if (kind === 'restore') {
    if (landing.putBacks > 0) return 'its own is back, looked at again';
    if (!sameVersion) return 'version moved';
    next.entry = decisions.follow(next.entry, to, kind);
    return 'holds it';
  }
  if (kind === 'fetch' && landing.putBacks > 0) return 'its own is back';
  if (isBack) {
    next.entry = decisions.settleKept(next.entry, to, sameVersion);
    return sameVersion
      ? 'kept there, not concerned'
      : 'kept there, but the entry moved, owed again';
  }
  next.entry = decisions.settle(next.entry, to, sameVersion);
  return sameVersion ? 'settles' : 'fence fails, owed again';
}

/** What a crash left unjudged, the host itself judges. */
export function leftovers(model: Model, state: State, host: HostIndex, emit: Emit): void {
  const { aside, disk } = hostOf(state, host);
  for (let content = 1; aside >> content; content++) {
    if (has(aside, content))
      judgeLeftover(model, copy(state), host, content, disk, emit, (next) => {
        hostOf(next, host).aside &= ~bit(content);
      });
  }
  // What a process that paused has aside looks just so.
  state.landings.forEach((landing, i) => {
    if (landing.driver === 'paused' && isAside(landing, host) && landing.step !== 'linked') {
      judgeLeftover(model, copy(state), host, landing.moved, disk, emit, (next) => {
        next.landings[i as 0 | 1].moved = 0;
      });
    }
  });
}

function judgeLeftover(
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
    resolution = model.decisions.judge(
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
  emit(next, `${nameOf(host)} judges leftover ${nameOfContent(content)}: ${what}`, true);
}

export function driverOf({ kind, from, to }: Landing): HostIndex {
  return kind === 'put' || kind === 'remove' ? from : to;
}
export function mayFetch(model: Model, state: State, host: HostIndex): boolean {
  return left(state, 'fetches') > 0 && isUp(model, state, host);
}
