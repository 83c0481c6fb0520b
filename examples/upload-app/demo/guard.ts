import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process that ends what was started here, should this process be killed before it could. */
export class Guard {
  /** In the environment of all that the demo starts, by which to find also what detached itself. */
  readonly mark = `UPLOAD_APP_DEMO=${randomBytes(8).toString('hex')}`;
  private readonly child: ChildProcess;

  constructor() {
    const script = fileURLToPath(new URL('../../../scripts/guard.mjs', import.meta.url));
    // Its own session: a ctrl-C in the terminal is for us alone. That our end of its pipe closes is
    // its sign to act.
    this.child = spawn(process.execPath, [script], {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    this.child.stdin?.on('error', () => undefined);
  }

  watch(child: ChildProcess): void {
    if (child.pid === undefined) return;
    const pid = String(child.pid);
    this.child.stdin?.write(`+${pid} ${this.mark}\n`);
    child.once('exit', () => this.child.stdin?.write(`-${pid}\n`));
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.stdin?.end();
    await ended;
  }
}
