import { setTimeout as sleep } from 'node:timers/promises';
import { SyncMediaError } from '../model/errors.js';
import type { EventBus } from '../model/events.js';
import type { Run } from '../model/run.js';
import type { RunStore } from '../context/run-store.js';

const checkMs = 500;

/** Whether the run has ended. */
function hasRunEnded({ state }: Run): boolean {
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
  const waiting = new AbortController();
  let wake = (): void => undefined;
  const stop = events.on('run', ({ run }) => {
    if (run.id === id) wake();
  });
  const onAbort = (): void => {
    waiting.abort();
  };
  signal?.addEventListener('abort', onAbort);
  try {
    for (;;) {
      if (signal?.aborted)
        throw new SyncMediaError('CANCELLED', 'no longer following the run; it goes on by itself');
      const run = await runs.read(id);
      onProgress(run);
      if (hasRunEnded(run)) return run;
      const notified = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([
        notified,
        sleep(checkMs, undefined, { signal: waiting.signal }).catch(() => undefined),
      ]);
    }
  } finally {
    waiting.abort();
    stop();
    signal?.removeEventListener('abort', onAbort);
  }
}
