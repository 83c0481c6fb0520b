import { fetches } from './placement.js';
import {
  bit,
  type Emit,
  forgotten,
  hostOf,
  isUp,
  left,
  type Model,
  nameOf,
  spend,
} from './model.js';
import { copy, type State } from './state.js';

/**
 * A host joins, or returns after long: it fetches what there is; when every host uses a host
 * list with it, and no task with an older one is under way, its missing files are pending, it moves
 * files to the conflicts that may not be contributed, and is ready.
 */
export function joining(model: Model, state: State, emit: Emit): void {
  const joiner = state.hosts.length - 1;
  if (!state.joined) {
    if (!left(state, 'joins')) return;
    const next = spend(state, 'joins');
    next.joined = true;
    hostOf(next, joiner).listed = true;
    return emit(next, `${nameOf(joiner)} is approved`, false);
  }
  let areAllListed = true;
  state.hosts.forEach((own, host) => {
    if (own.retired) return;
    if (!own.listed || (own.look.step !== 'none' && !own.look.listed)) areAllListed = false;
    if (own.listed) return;
    const next = copy(state);
    hostOf(next, host).listed = true;
    emit(next, `${nameOf(host)} learns of ${nameOf(joiner)}`, true);
  });
  if (state.ready || !isUp(model, state, joiner)) return;
  fetches(model, state, joiner, true, emit);
  if (!areAllListed) return;
  const next = copy(state),
    own = hostOf(next, joiner);
  next.ready = true;
  next.entry = model.decisions.backfill(state.entry, joiner);
  if (own.disk === forgotten) {
    own.conflicts |= bit(forgotten);
    own.disk = 0;
  }
  emit(next, `${nameOf(joiner)} gets its missing files pending, and is ready`, true);
}
