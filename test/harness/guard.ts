import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expectAlive } from './leftovers.js';

let guard: ChildProcess | undefined;

/**
 * Has `child` and its descendants ended when this process is gone, even by SIGKILL.
 *
 * @param mark a `NAME=value` of its environment, by which to find what detached itself
 */
export function guardProcess(child: ChildProcess, mark: string): void {
  const { pid } = child;
  if (pid === undefined) return;
  tell(`+${String(pid)} ${mark}`);
  child.once('exit', () => {
    tell(`-${String(pid)}`);
  });
}

function tell(line: string): void {
  guard ??= startGuard();
  guard.stdin?.write(`${line}\n`);
}

/** One for this process. Its own session, so that a ctrl-C does not end it first. */
function startGuard(): ChildProcess {
  const program = fileURLToPath(new URL('../../scripts/guard.mjs', import.meta.url));
  const started = spawn(process.execPath, [program], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  if (started.pid !== undefined) expectAlive(started.pid);
  // It must not keep us alive; that our end of the pipe closes is its sign to act.
  started.unref();
  (started.stdin as unknown as { unref(): void }).unref();
  started.stdin?.on('error', () => undefined);
  return started;
}
