import { setTimeout as sleep } from 'node:timers/promises';
import { SyncMediaError } from '../model/errors.js';
import type { EventBus } from '../model/events.js';
import type { Run } from '../model/words.js';
import type { RunStore } from './run-store.js';

const lookMs = 500;

/** Whether the run has ended. */
export function hasEnded({ state }: Run): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}

/**
 * Follows a run to its end, whichever process carries it out.
 * @throws UNKNOWN_RUN; CANCELLED when `signal` aborts
 */
export async function followRun(
  { runs, events }: { runs: RunStore; events: EventBus },
  id: string,
  onProgress: (run: Run) => void = () => undefined,
  signal?: AbortSignal,
): Promise<Run> {
  const looking = new AbortController();
  let wake = (): void => undefined;
  const stop = events.on('run', ({ run }) => {
    if (run.id === id) wake();
  });
  const onAbort = (): void => {
    looking.abort();
  };
  signal?.addEventListener('abort', onAbort);
  try {
    for (;;) {
      if (signal?.aborted)
        throw new SyncMediaError('CANCELLED', 'no longer following the run; it goes on by itself');
      const run = await runs.show(id);
      onProgress(run);
      if (hasEnded(run)) return run;
      const told = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([
        told,
        sleep(lookMs, undefined, { signal: looking.signal }).catch(() => undefined),
      ]);
    }
  } finally {
    looking.abort();
    stop();
    signal?.removeEventListener('abort', onAbort);
  }
}
