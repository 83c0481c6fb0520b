import { setTimeout as sleep } from 'node:timers/promises';
import { SyncMediaError } from '../model/errors.js';

/**
 * Waits for `work`, but no longer than `ms`. After a timeout `work` continues, unless the caller
 * aborts it by a signal.
 *
 * @param whom who did not answer, for the message
 * @throws TIMED_OUT; what `work` throws
 */
export async function withTimeout<T>(work: Promise<T>, ms: number, whom: string): Promise<T> {
  const timer = new AbortController();
  work.catch(() => undefined);
  const timeout = sleep(ms, undefined, { signal: timer.signal, ref: false }).then(() => {
    throw new SyncMediaError('TIMED_OUT', `${whom} did not answer within ${ms} ms.`);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    timer.abort();
  }
}
