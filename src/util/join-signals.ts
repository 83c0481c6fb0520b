/** A signal that aborts with the first of several. Its owner releases it, so that none stays. */
export interface JoinedSignal {
  readonly signal: AbortSignal;
  /** Removes the listeners from the signals, which may live much longer. */
  release(): void;
}

/**
 * Joins signals. Unlike `AbortSignal.any`, nothing stays at a signal that outlives the work.
 */
export function joinSignals(signals: readonly AbortSignal[]): JoinedSignal {
  const joined = new AbortController();
  const abort = (): void => {
    joined.abort();
  };
  for (const signal of signals) signal.addEventListener('abort', abort, { once: true });
  if (signals.some(({ aborted }) => aborted)) abort();
  return {
    signal: joined.signal,
    release: () => {
      for (const signal of signals) signal.removeEventListener('abort', abort);
    },
  };
}
