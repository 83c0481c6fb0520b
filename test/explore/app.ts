import { appTakesAway, bit, type Emit, has, hostOf, left, type Model, nameOf, nameOfContent, place, spend } from './model.js';
import { type Budget, type Content, contentLimit, copy, type HostIndex, type State } from './state.js';

const rowLimit = 2;

/** What the app may do next on a host. */
export function app(model: Model, state: State, host: HostIndex, emit: Emit): void {
  const own = hostOf(state, host), on = ` on ${nameOf(host)}`;
  const mayInsert = own.named < rowLimit;
  writes(model, state, host, emit);
  if (own.written && (own.asserting ? !own.asserted && own.disk : mayInsert)) {
    const next = copy(state), then = hostOf(next, host);
    if (own.asserting) {
      then.asserted = own.disk;
      then.assertedDated = has(own.dated, own.disk);
    } else then.named++;
    // What has the facts of an old version may be taken for it until the assertion is folded; then it lies in the trash.
    if (!has(state.buried, own.written) && !own.asserting) next.precious |= bit(own.written);
    // Who saved it has replaced what lay there: that is not to win again.
    if (!own.asserting && isOrderly(model) && !looksLikeAnother(state, own.written)) next.buried |= own.replaced & ~bit(own.written);
    then.written = 0;
    then.asserting = false;
    next.isNamed = true;
    emit(next, `app ${own.asserting ? 'asserts' : 'saves'}${on}`, false);
  }
  if (left(state, 'names') && mayInsert) {
    const next = spend(state, 'names');
    hostOf(next, host).named++;
    next.isNamed = true;
    emit(next, `another record names the path${on}`, false);
  }
  if (left(state, 'edits') && state.isNamed && mayInsert) {
    const next = spend(state, 'edits');
    hostOf(next, host).named++;
    emit(next, `caption edited${on}`, false);
  }
  if (left(state, 'unlinks') && own.disk) {
    const next = spend(state, 'unlinks'), then = hostOf(next, host);
    appTakesAway(next, host);
    if (then.written === then.disk) { then.written = 0; then.asserting = false; }
    then.disk = 0;
    then.vanished = true;
    emit(next, `app unlinks${on}`, false);
  }
  if (left(state, 'deletes') && state.isNamed) {
    const next = spend(state, 'deletes');
    next.isNamed = false;
    hostOf(next, host).left = true;
    emit(next, `record deleted${on}`, false);
  }
}

/** Another host, which SFTP tells no fraction of a second, takes it for rot of the other: a conflict, so that it may lose. */
function looksLikeAnother({ alike, contents }: State, content: Content): boolean {
  const looks = (one: Content): Content => alike[one] || one;
  for (let other: Content = 1; other <= contents; other++) if (other !== content && looks(other) === looks(content)) return true;
  return false;
}

/** A save whose file is unlinked, or that a crash left aside unjudged while something else landed, may lose to what was before it. */
function isOrderly({ options }: Model): boolean {
  return (['unlinks', 'deletes', 'crashes', 'late', 'pauses', 'retires', 'joins'] as const).every((what) => (options.budget[what] ?? 0) === 0);
}

function writes(model: Model, state: State, host: HostIndex, emit: Emit): void {
  const on = ` on ${nameOf(host)}`;
  if (left(state, 'writes') && state.contents < contentLimit - 1) {
    for (let like = 0; like <= (model.options.collide ? state.contents : 0); like++) {
      const content = state.contents + 1, alike = state.alike.slice();
      if (like) alike[content] = state.alike[like] || like;
      put(state, host, content, 'writes', `app writes ${nameOfContent(content)}${on}${like ? `, of the size and second of ${nameOfContent(like)}` : ''}`, emit, (next) => {
        next.contents = content;
        next.alike = alike;
      });
    }
  }
  for (let content: Content = 1; content <= state.contents && left(state, 'restores'); content++) {
    if (hostOf(state, host).disk === content) continue;
    put(state, host, content, 'restores', `app puts ${nameOfContent(content)} back${on}, with its old dates`, emit, (next) => { hostOf(next, host).asserting = true; });
  }
}

function put(state: State, host: HostIndex, content: Content, what: Budget, label: string, emit: Emit, more: (next: State) => void): void {
  const next = spend(state, what), then = hostOf(next, host);
  appTakesAway(next, host);
  place(next, host, content);
  then.written = content;
  then.asserting = false;
  then.dated |= bit(content);
  next.buried &= ~bit(content);
  more(next);
  emit(next, label, false);
}
