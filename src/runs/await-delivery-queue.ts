import type { Failure } from '../model/failure.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { LeaderContext } from '../context/leader-context.js';
import type { RunProgress } from './run-progress.js';

/** In milliseconds. How often it checks whether the deliveries are done, if no event tells. */
const checkMs = 1_000;

/**
 * Waits until this host has nothing more pending for the host in these dirs, or the host fails.
 */
export async function waitForDelivery(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  dirs: readonly Path[],
): Promise<void> {
  const { ledger, me, events } = context;
  const isHere = (path: string): boolean => dirs.some((dir) => path.startsWith(`${dir}/`));
  // Later saves are not this run's: on a busy site something is always pending.
  const before = new Date();
  const countPending = async (): Promise<number> => {
    let count = 0;
    for (const dir of dirs)
      count += await ledger.count({
        pending: host.id,
        origin: me,
        below: dir,
        sendable: true,
        before,
      });
    return count;
  };
  let delivered = 0,
    failure: Failure | undefined,
    wake = (): void => undefined;
  const stops = [
    events.on('outcome', ({ host: id, outcome }) => {
      if (id !== host.id || !isHere(outcome.change.path)) return;
      if (outcome.result === 'delivered') {
        delivered++;
        progress.addDone(1, outcome.bytes);
      }
      if ('failure' in outcome && outcome.failure.scope === 'path')
        progress.addFailure(host.id, outcome.failure);
      wake();
    }),
    events.on('failing', (event) => {
      const isOurs = event.dir === undefined || dirs.includes(event.dir);
      if (event.host === host.id && isOurs) {
        failure = event.failure;
        wake();
      }
    }),
  ];
  const onAbort = (): void => {
    wake();
  };
  progress.signal.addEventListener('abort', onAbort);
  try {
    let found = 0;
    for (const dir of dirs) {
      const { files, bytes } = await ledger.measureSendable({
        pending: host.id,
        origin: me,
        below: dir,
        before,
      });
      progress.addFound(files, bytes);
      found += files;
    }
    context.wakeQueue(host.id);
    for (let remaining = found; remaining > 0;) {
      const deliveredBefore = delivered;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, checkMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      progress.signal.throwIfAborted();
      if (context.registry.find(host.id)?.status !== 'approved') {
        failure = {
          code: 'CANCELLED',
          message: `${host.hostname} was paused or unregistered meanwhile`,
          retryable: true,
          scope: 'host',
        };
      }
      if (delivered - deliveredBefore > 0 && delivered < found && !failure) continue;
      remaining = await countPending();
      if (remaining > 0 && failure) {
        progress.addFailure(host.id, failure);
        return;
      }
    }
  } finally {
    for (const stop of stops) stop();
    progress.signal.removeEventListener('abort', onAbort);
  }
}
