import { driverOf } from './landing.js';
import { bit, type Emit, hostOf, left, type Model, nameOf, spend } from './model.js';
import { copy, type HostIndex, noLanding, noLook, type State } from './state.js';

/**
 * The process that had the host's lease is gone. What its landings had moved stays aside, unjudged;
 * the rename of `late`, already asked for, may still happen.
 */
export function crash(state: State, host: HostIndex, late = -1): State {
  const next = copy(state),
    own = hostOf(next, host);
  own.look = noLook;
  own.down = true;
  next.landings.forEach((landing, i) => {
    if (landing.step === 'free' || landing.driver === 'late' || driverOf(landing) !== host) return;
    if (i === late) {
      landing.driver = 'late';
      landing.sameVersion = false;
      landing.read = 0;
      return;
    }
    if (landing.moved) hostOf(next, landing.to).aside |= bit(landing.moved);
    Object.assign(landing, noLanding);
  });
  return next;
}

/** What may go wrong for a host. */
export function misfortune(
  model: Model,
  state: State,
  host: HostIndex,
  isJoining: boolean,
  emit: Emit,
): void {
  const own = hostOf(state, host);
  for (let late = -1; late < 2; late++) {
    const landing = state.landings[Math.max(late, 0) as 0 | 1];
    if (
      late >= 0 &&
      !(
        left(state, 'late') &&
        landing.step === 'sent' &&
        driverOf(landing) === host &&
        landing.driver !== 'late'
      )
    )
      continue;
    const rest = late < 0 ? '' : '; its rename is still on the way';
    const lost = late < 0 ? state : spend(state, 'late');
    if (left(state, 'crashes') && !own.down)
      emit(
        crash(spend(lost, 'crashes'), host, late),
        `holder of ${nameOf(host)} crashes${rest}`,
        false,
      );
    if (left(state, 'retires') && !isJoining) {
      const next = crash(spend(lost, 'retires'), host, late);
      hostOf(next, host).retired = true;
      // A save that only it had captured goes with it.
      next.must = 0;
      next.entry = model.decisions.release(next.entry, host);
      emit(next, `${nameOf(host)} is retired${rest}`, false);
    }
  }
  state.landings.forEach((landing, i) => {
    if (
      !left(state, 'pauses') ||
      landing.step === 'free' ||
      landing.driver !== 'there' ||
      driverOf(landing) !== host
    )
      return;
    const next = spend(state, 'pauses');
    next.landings[i as 0 | 1].driver = 'paused';
    emit(
      next,
      `a process of ${nameOf(host)} pauses in its ${landing.kind}, another one has the lease`,
      false,
    );
  });
}

export function restart(state: State, host: HostIndex, emit: Emit): void {
  const next = copy(state);
  hostOf(next, host).down = false;
  emit(next, `${nameOf(host)} restarts`, true);
}
