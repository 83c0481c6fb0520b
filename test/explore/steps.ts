import { app } from './app.js';
import { adopts, fold } from './fold.js';
import { joining } from './joining.js';
import { fetches, land, lanes, leftovers, mayFetch } from './landing.js';
import { misfortune, restart } from './misfortune.js';
import {
  adoptEntry,
  type Emit,
  goneHosts,
  hostOf,
  isJoining,
  isPassive,
  isUp,
  type Model,
  takesPart,
} from './model.js';
import type { State } from './state.js';

/** Everything that can happen next. */
export function successors(model: Model, state: State, emit: Emit): void {
  const gone = goneHosts(model, state);
  state.hosts.forEach((_, host) => {
    if (isPassive(model, host)) {
      if (state.hosts.some((_other, i) => i !== host && isUp(model, state, i)))
        leftovers(model, state, host, emit);
      return;
    }
    if (takesPart(model, state, host)) {
      app(model, state, host, emit);
      misfortune(model, state, host, isJoining(model, host), emit);
    }
    if (hostOf(state, host).down && !hostOf(state, host).retired) restart(state, host, emit);
    if (!isUp(model, state, host)) return;
    fold(model, state, host, emit);
    leftovers(model, state, host, emit);
    adopts(model, state, host, gone, emit, adoptEntry);
    lanes(model, state, host, emit);
    if (mayFetch(model, state, host)) fetches(model, state, host, false, emit);
  });
  land(model, state, 0, emit);
  land(model, state, 1, emit);
  if ((model.options.budget.joins ?? 0) > 0) joining(model, state, emit);
}
