import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  /** Milliseconds. */
  timeout: number;
  /** Milliseconds between two looks. */
  interval: number;
  signal: AbortSignal;
}

/**
 * Looks until there is something to see; undefined when the time is over. Throws when `signal`
 * aborts, or what `look` throws.
 */
export async function waitFor<T>(
  look: () => Promise<T | undefined>,
  patience: Patience,
): Promise<T | undefined> {
  const end = performance.now() + patience.timeout;
  for (;;) {
    const seen = await look();
    if (seen !== undefined || performance.now() >= end) return seen;
    await sleep(patience.interval, undefined, { signal: patience.signal });
  }
}
