import { driverOf } from './placement.js';
import { bit, type Emit, hostOf, left, type Model, nameOf, spend } from './model.js';
import { copy, type HostIndex, noPlacement, noLook, type State } from './state.js';

/**
 * The process that had the host's lease is gone. The files that it had replaced stay unresolved;
 * the rename of `late`, already asked for, may still happen.
 */
export function crash(state: State, host: HostIndex, late = -1): State {
  const next = copy(state),
    own = hostOf(next, host);
  own.look = noLook;
  own.down = true;
  next.placements.forEach((placement, i) => {
    if (placement.step === 'free' || placement.driver === 'late' || driverOf(placement) !== host)
      return;
    if (i === late) {
      placement.driver = 'late';
      placement.sameVersion = false;
      placement.read = 0;
      return;
    }
    if (placement.moved) hostOf(next, placement.to).replaced |= bit(placement.moved);
    Object.assign(placement, noPlacement);
  });
  return next;
}

/** Faults of a host. */
export function misfortune(
  model: Model,
  state: State,
  host: HostIndex,
  isJoining: boolean,
  emit: Emit,
): void {
  const own = hostOf(state, host);
  for (let late = -1; late < 2; late++) {
    const placement = state.placements[Math.max(late, 0) as 0 | 1];
    if (
      late >= 0 &&
      !(
        left(state, 'late') &&
        placement.step === 'sent' &&
        driverOf(placement) === host &&
        placement.driver !== 'late'
      )
    )
      continue;
    const rest = late < 0 ? '' : '; its rename is still on the way';
    const lost = late < 0 ? state : spend(state, 'late');
    if (left(state, 'crashes') && !own.down)
      emit(
        crash(spend(lost, 'crashes'), host, late),
        `leader of ${nameOf(host)} crashes${rest}`,
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
  state.placements.forEach((placement, i) => {
    if (
      !left(state, 'pauses') ||
      placement.step === 'free' ||
      placement.driver !== 'there' ||
      driverOf(placement) !== host
    )
      return;
    const next = spend(state, 'pauses');
    next.placements[i as 0 | 1].driver = 'paused';
    emit(
      next,
      `a process of ${nameOf(host)} pauses in its ${placement.kind}, another one has the lease`,
      false,
    );
  });
}

export function restart(state: State, host: HostIndex, emit: Emit): void {
  const next = copy(state);
  hostOf(next, host).down = false;
  emit(next, `${nameOf(host)} restarts`, true);
}
