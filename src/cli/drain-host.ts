import { setTimeout as sleep } from 'node:timers/promises';
import { hasScanned } from '../api/has-scanned.js';
import { hasErrorCode, SyncMediaError } from '../model/errors.js';
import type { Host } from '../model/host.js';
import type { CommandContext } from './command-context.js';

/** In milliseconds. A look reads every entry of the ledger, so the pauses grow. */
const firstPauseMs = 250,
  longestPauseMs = 5_000;
/**
 * A host is asked to retire so many times once no other lacks its files: others that leave at the
 * same moment refuse one another.
 */
const maxTries = 5;

/**
 * Lets a host send what no other host has: the files that it captured, and those that a scan of
 * its disk finds. Then retires it.
 *
 * @throws TIMED_OUT if it was not scanned, or the site would still lose something by it, after so
 *   many seconds; the errors of `hosts.unregister`
 */
export async function drainHost(
  { id, hostname, rescans: scanned }: Pick<Host, 'id' | 'hostname' | 'rescans'>,
  seconds: number,
  context: CommandContext,
): Promise<Host> {
  const { sync, screen, signal } = context;
  const deadline = performance.now() + seconds * 1_000;
  await scanHost(hostname, seconds, context);
  for (let pauseMs = firstPauseMs, tries = 0; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    signal.throwIfAborted();
    const { onlyHere, captures, loses = '' } = await sync.hosts.previewChange(id, 'retired');
    let refusal = new SyncMediaError('CHANGED', `${hostname} was not unregistered: ${loses}`);
    if (onlyHere.count + captures.count === 0) {
      try {
        return await sync.hosts.unregister(id, { safe: true, scanned });
      } catch (error) {
        if (!isRefusal(error) || ++tries === maxTries) throw error;
        refusal = error;
      }
    }
    const leftMs = deadline - performance.now();
    if (leftMs <= 0)
      throw new SyncMediaError('TIMED_OUT', `after ${String(seconds)} s ${refusal.message}`, {
        cause: refusal,
      });
    screen.showProgress(`waiting: ${refusal.message}`);
    // Two hosts that refused one another must not try again at the same moment.
    const pause = pauseMs * (0.5 + Math.random());
    await sleep(Math.min(pause, leftMs), undefined, { signal });
  }
}

/** Without a scan the ledger does not know files that were written beside a save. */
async function scanHost(
  hostname: string,
  seconds: number,
  { sync, signal }: CommandContext,
): Promise<void> {
  let run = await sync.push({ at: hostname, by: 'command line' });
  const ending = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1_000)]);
  const follow = sync.runs.follow(
    run.id,
    (now) => {
      run = now;
    },
    ending,
  );
  // Whether a host cannot be reached does not matter, as long as another one gets the files.
  await follow.catch((error: unknown) => {
    if (!ending.aborted) throw error;
  });
  signal.throwIfAborted();
  if (hasScanned(run)) return;
  throw new SyncMediaError(
    'TIMED_OUT',
    `${hostname} was not unregistered: its disk was not scanned within ${String(seconds)} s` +
      (run.failure ? `, since ${run.failure.message}` : ''),
  );
}

function isRefusal(error: unknown): error is SyncMediaError {
  return hasErrorCode(error, 'CHANGED') || hasErrorCode(error, 'HOST_CHANGED');
}
