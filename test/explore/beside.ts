import { acknowledgeSave } from './app.js';
import { type Emit, hostOf, left, type Model, nameOf, spend } from './model.js';
import { mostRows } from './placement.js';
import { copy, type HostIndex, type HostState, type State } from './state.js';

/** Bits of `HostState.saving`; the first one is that it has begun. */
const document = 2,
  captured = 4,
  refused = 8;

/**
 * Document and capture are sent one after the other, and stored in either order. The save is
 * acknowledged once both have been answered. A capture that was refused stays in the memory of the
 * process that saves, which may die.
 */
export function saveBeside(model: Model, state: State, host: HostIndex, emit: Emit): void {
  const { saving, kept } = hostOf(state, host),
    on = ` on ${nameOf(host)}`,
    { rules } = model.decisions;
  const go = (label: string, from: State, bySystem: boolean, change: (own: HostState) => void) => {
    const next = copy(from);
    change(hostOf(next, host));
    emit(next, `${label}${on}`, bySystem);
  };
  if ((saving || kept) && left(state, 'deaths'))
    go('the process that saves dies', spend(state, 'deaths'), false, (own) => {
      own.saving = 0;
      own.kept = false;
    });
  if (kept)
    go('a capture that was kept is stored', state, true, (own) => {
      own.kept = false;
      own.named = Math.min(own.named + 1, mostRows);
    });
  if (saving === 0) return;
  const isAnswered = (saving & (captured | refused)) !== 0;
  if (!isAnswered) {
    go('the capture is stored', state, true, (own) => {
      own.saving |= captured;
      own.named = Math.min(own.named + 1, mostRows);
    });
    if (left(state, 'refusals'))
      go('the capture is refused', spend(state, 'refusals'), false, (own) => {
        own.saving |= refused;
      });
  }
  if ((saving & document) === 0) {
    const next = copy(state);
    hostOf(next, host).saving |= document;
    next.isNamed = true;
    return emit(next, `the document is stored${on}`, true);
  }
  if (!isAnswered && !rules.acknowledgesBeforeCapture) return;
  const next = copy(state),
    then = hostOf(next, host);
  acknowledgeSave(model, state, next, host);
  then.saving = 0;
  then.kept = (saving & captured) === 0 && !rules.forgetsRefused;
  emit(next, `the save is acknowledged${on}`, true);
}
