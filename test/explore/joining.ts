import { fetches } from './landing.js';
import { type Emit, hostOf, isUp, known, left, type Model, nameOf, spend } from './model.js';
import { copy, type State } from './state.js';

/** How often each sender looks for what a host lacks that it has come to know, as `delivery/filling.ts`. */
const fillings = 2;

/** A host joins: it fetches what there is, is owed what it lacks, and is ready; the others learn of it when they do. */
export function joining(model: Model, state: State, emit: Emit): void {
  const joiner = state.hosts.length - 1;
  if (!state.joined) {
    if (!left(state, 'joins')) return;
    const next = spend(state, 'joins');
    next.joined = true;
    hostOf(next, joiner).listed = true;
    return emit(next, `${nameOf(joiner)} is approved`, false);
  }
  state.hosts.forEach((own, host) => {
    if (!own.listed && !own.retired) {
      const next = copy(state);
      hostOf(next, host).listed = true;
      emit(next, `${nameOf(host)} learns of ${nameOf(joiner)}`, true);
    }
    if (!state.ready || host === joiner || !own.listed || own.filled >= fillings || !isUp(model, state, host)) return;
    // The last one counts only once what was folded by an older list has ended.
    if (own.filled > 0 && own.look.step !== 'none' && !own.look.listed) return;
    const next = copy(state);
    hostOf(next, host).filled++;
    if (known(model, state)?.sender === host) next.entry = model.decisions.fill(state.entry, joiner);
    emit(next, `${nameOf(host)} owes ${nameOf(joiner)} what it lacks`, true);
  });
  if (state.ready || !isUp(model, state, joiner)) return;
  fetches(model, state, joiner, true, emit);
  const next = copy(state);
  next.ready = true;
  next.entry = model.decisions.fill(state.entry, joiner);
  emit(next, `${nameOf(joiner)} is owed what it lacks, and is ready`, true);
}
