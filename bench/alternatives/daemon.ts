import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program that runs until it is closed; keeps the end of what it says. */
export class Daemon {
  private said = '';

  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said = (this.said + text).slice(-4_000);
      });
  }

  static start(
    program: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Daemon {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    child.on('error', () => undefined);
    return new Daemon(program, child);
  }

  /** @throws with what it said, where it has ended */
  check(): void {
    if (this.hasEnded) throw new Error(`${this.name} ended: ${this.said}`);
  }

  async close(): Promise<void> {
    if (this.hasEnded || this.child.pid === undefined) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await Promise.race([ended, sleep(5_000, undefined, { ref: false })]);
    if (!this.hasEnded) this.child.kill('SIGKILL');
    await ended;
  }

  private get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}
