import { contentOf, hostIds } from './decisions.js';
import {
  appTakesAway,
  bit,
  type Emit,
  has,
  hostOf,
  known,
  left,
  type Model,
  nameOf,
  nameOfContent,
  place,
  spend,
  takeAway,
} from './model.js';
import {
  type Budget,
  type Content,
  contentLimit,
  copy,
  type HostIndex,
  type HostState,
  type Placement,
  type State,
} from './state.js';

const rowLimit = 2;

/** What the app may do next on a host. */
export function app(model: Model, state: State, host: HostIndex, emit: Emit): void {
  const own = hostOf(state, host),
    on = ` on ${nameOf(host)}`;
  const mayInsert = own.named < rowLimit;
  writes(model, state, host, emit);
  touch(state, host, emit);
  if (own.written && mayInsert && isAnnouncedBeside(model, own)) {
    const next = copy(state);
    hostOf(next, host).saving = 1;
    emit(next, `app begins to save${on}`, false);
  } else if (own.written && mayInsert) {
    const next = copy(state);
    hostOf(next, host).named++;
    acknowledgeSave(model, state, next, host);
    emit(next, `app saves${on}`, false);
  }
  if (own.written && own.putBack && !own.asserted && own.disk) {
    const next = copy(state),
      then = hostOf(next, host);
    then.asserted = own.disk;
    then.assertedDated = has(own.dated, own.disk);
    name(model, state, next, host);
    emit(next, `app asserts${on}`, false);
  }
  if (
    own.written &&
    (own.putBack || (own.written === own.disk && known(model, state)?.entry.kind === 'tombstone'))
  ) {
    const next = copy(state),
      then = hostOf(next, host);
    then.written = 0;
    then.putBack = false;
    emit(next, `no save comes${on}`, true);
  }
  if (left(state, 'names') && mayInsert) {
    const next = spend(state, 'names');
    hostOf(next, host).named++;
    name(model, state, next, host);
    emit(next, `another record names the path${on}`, false);
  }
  if (left(state, 'edits') && state.isNamed && mayInsert) {
    const next = spend(state, 'edits');
    hostOf(next, host).named++;
    name(model, state, next, host);
    emit(next, `caption edited${on}`, false);
  }
  if (left(state, 'unlinks') && own.disk) {
    const next = spend(state, 'unlinks'),
      then = hostOf(next, host);
    appTakesAway(next, host);
    if (then.written === then.disk) {
      then.written = 0;
      then.putBack = false;
    }
    takeAway(next, host);
    then.vanished = true;
    next.must = 0;
    emit(next, `app unlinks${on}`, false);
  }
  if (left(state, 'deletes') && state.isNamed) {
    const next = spend(state, 'deletes');
    next.isNamed = false;
    next.must = 0;
    hostOf(next, host).left = true;
    emit(next, `record deleted${on}`, false);
  }
}

/**
 * Whether the capture of what the app saves is written beside the document, not before it:
 * `beside.ts`.
 */
function isAnnouncedBeside({ options, decisions }: Model, { putBack }: HostState): boolean {
  return options.beside && (!putBack || decisions.rules.announcesOlderBeside);
}

/** The app learns that its save of what it has written is done. */
export function acknowledgeSave(model: Model, state: State, next: State, host: HostIndex): void {
  const own = hostOf(state, host);
  // A file with the info of an old version may be taken for it, unless it is certainly meant.
  if (!has(state.buried, own.written) && !own.putBack) next.precious |= bit(own.written);
  // Who saved it has replaced what lay there: that is not to win again.
  if (
    isOrderly(model) &&
    !looksLikeAnother(state, own.written) &&
    (!own.putBack || isCertain(model, state, host))
  )
    next.buried |= own.discarded & ~bit(own.written);
  name(model, state, next, host);
}

/** A record names the path, and with it the file there. */
function name(model: Model, state: State, next: State, host: HostIndex): void {
  const then = hostOf(next, host);
  next.isNamed = true;
  if (then.disk && (!then.written || then.written === then.disk) && isCertain(model, state, host)) {
    next.must = then.disk;
    next.buried &= ~bit(then.disk);
  }
  // What the app has written and saves now may win again, though another host deleted it in
  // between.
  if (then.written) next.buried &= ~bit(then.written);
  then.written = 0;
  then.putBack = false;
}

/**
 * Whether what a save of this host names has to be the current version in the end: nobody else has
 * written, nothing is on its way to this host that could replace it, and the host is up to date.
 */
function isCertain(model: Model, state: State, host: HostIndex): boolean {
  const entry = known(model, state),
    own = hostOf(state, host);
  const isAcknowledged = ({ step, to, driver, sameVersion }: Placement): boolean =>
    step === 'done' && to === host && driver === 'there' && sameVersion;
  // It has replaced the current version, whose placement is about to be acknowledged. After a
  // crash, or by a fetch, that version may be placed once more.
  const isOverCurrent =
    entry !== undefined &&
    has(own.discarded, entry.current) &&
    state.placements.some(isAcknowledged) &&
    (['crashes', 'pauses', 'retires', 'fetches'] as const).every(
      (what) => (model.options.budget[what] ?? 0) === 0,
    );
  if (
    state.placements.some(
      (placement) => placement.step !== 'free' && !(isOverCurrent && isAcknowledged(placement)),
    ) ||
    own.replaced ||
    own.retired ||
    model.decisions.isNotReady(state, host)
  )
    return false;
  const isAlone = state.hosts.every(
    (other, i) =>
      i === host ||
      (other.written === 0 &&
        other.named === 0 &&
        !other.kept &&
        other.asserted === 0 &&
        (other.look.step === 'none' || other.look.answer === 'tombstone') &&
        (other.disk === 0 || other.disk === entry?.current || isOld(model, state, other.disk))),
  );
  if (!isAlone || !entry) return isAlone;
  if (entry.entry.kind === 'tombstone') return true;
  return (
    has(entry.held, host) ||
    isOverCurrent ||
    (!has(entry.pending, host) && entry.entry.stamps?.[hostIds[host] ?? ''] !== undefined)
  );
}

function isOld(model: Model, state: State, content: Content): boolean {
  return (
    known(model, state)?.entry.superseded.some(({ sha256 }) => contentOf(sha256) === content) ??
    false
  );
}

/**
 * Another host, which SFTP tells no fraction of a second, takes it for rot of the other: a
 * conflict, so that it may lose.
 */
function looksLikeAnother({ alike, contents }: State, content: Content): boolean {
  const looks = (one: Content): Content => alike[one] || one;
  for (let other: Content = 1; other <= contents; other++)
    if (other !== content && looks(other) === looks(content)) return true;
  return false;
}

/**
 * A save whose file is unlinked, or was left among the replaced ones by a crash, may lose to an
 * earlier version.
 */
function isOrderly({ options }: Model): boolean {
  return (['unlinks', 'deletes', 'crashes', 'late', 'pauses', 'retires', 'joins'] as const).every(
    (what) => (options.budget[what] ?? 0) === 0,
  );
}

function writes(model: Model, state: State, host: HostIndex, emit: Emit): void {
  const on = ` on ${nameOf(host)}`;
  if (left(state, 'writes') && state.contents < contentLimit - 1) {
    for (let like = 0; like <= (model.options.collide ? state.contents : 0); like++) {
      const content = state.contents + 1,
        alike = state.alike.slice();
      if (like) alike[content] = state.alike[like] || like;
      put(
        state,
        host,
        content,
        'writes',
        `app writes ` +
          `${nameOfContent(content)}${on}${like ? `, of the size and second of ${nameOfContent(like)}` : ''}`,
        emit,
        (next) => {
          next.contents = content;
          next.alike = alike;
        },
      );
    }
  }
  for (let content: Content = 1; content <= state.contents && left(state, 'restores'); content++) {
    if (hostOf(state, host).disk === content) continue;
    put(
      state,
      host,
      content,
      'restores',
      `app puts ${nameOfContent(content)} back${on}, with its old dates`,
      emit,
      (next) => {
        hostOf(next, host).putBack = true;
      },
    );
  }
}

function touch(state: State, host: HostIndex, emit: Emit): void {
  const { disk } = hostOf(state, host);
  if (!left(state, 'touches') || !disk) return;
  put(
    state,
    host,
    disk,
    'touches',
    `app writes ${nameOfContent(disk)} once more on ${nameOf(host)}, with another date`,
    emit,
    (next) => {
      hostOf(next, host).redated = host + 1;
    },
  );
}

function put(
  state: State,
  host: HostIndex,
  content: Content,
  what: Budget,
  label: string,
  emit: Emit,
  more: (next: State) => void,
): void {
  const next = spend(state, what),
    then = hostOf(next, host);
  appTakesAway(next, host);
  place(next, host, content);
  then.written = content;
  then.putBack = false;
  then.byApp = true;
  then.dated |= bit(content);
  next.buried &= ~bit(content);
  next.must = 0;
  more(next);
  emit(next, label, false);
}
