import { app } from './app.js';
import { saveBeside } from './beside.js';
import { reconcilePath, takeOver } from './reconciling.js';
import { joining } from './joining.js';
import { advancePlacement, deliver, fetches, leftovers, mayFetch } from './placement.js';
import { misfortune, restart } from './misfortune.js';
import {
  replaceOrigin,
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
      if (hostOf(state, host).saving === 0) app(model, state, host, emit);
      saveBeside(model, state, host, emit);
      misfortune(model, state, host, isJoining(model, host), emit);
    }
    if (hostOf(state, host).down && !hostOf(state, host).retired) restart(state, host, emit);
    if (!isUp(model, state, host)) return;
    reconcilePath(model, state, host, emit);
    leftovers(model, state, host, emit);
    takeOver(model, state, host, gone, emit, replaceOrigin);
    deliver(model, state, host, emit);
    if (mayFetch(model, state, host)) fetches(model, state, host, false, emit);
  });
  advancePlacement(model, state, 0, emit);
  advancePlacement(model, state, 1, emit);
  if ((model.options.budget.joins ?? 0) > 0) joining(model, state, emit);
}
