import type { ChildProcess } from 'node:child_process';
import { SyncMediaError } from '../model/errors.js';

/**
 * Returns a process that `spawn` has just started, if it has its pipes. Without descriptors for
 * them Node starts nothing, leaves the streams undefined, and emits `error` only afterwards: with
 * no listener by then, this process would end.
 *
 * @throws TRANSFER_FAILED
 */
export function requirePipes<P extends ChildProcess>(child: P): P {
  if ((child.stdio as unknown) !== undefined) return child;
  child.on('error', () => undefined);
  throw new SyncMediaError(
    'TRANSFER_FAILED',
    `${child.spawnfile} could not be started: too many files are open in this process or on this ` +
      `machine. Raise the limit (\`ulimit -n\`, or LimitNOFILE of systemd).`,
  );
}
