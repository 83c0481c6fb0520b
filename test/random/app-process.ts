import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { endProcesses } from '../../scripts/processes.mjs';
import type { Tuning } from '../../src/config/config.js';
import { guardProcess } from '../harness/guard.js';
import { until } from '../harness/wait.js';

export interface Settings {
  readonly uri: string;
  readonly dir: string;
  readonly tuning: Partial<Tuning>;
}

export type Asked =
  | {
      readonly do: 'save';
      readonly id: string;
      readonly file: string;
      readonly title: string;
      readonly by: 'save' | 'update';
    }
  | { readonly do: 'delete'; readonly id: string; readonly by: 'document' | 'query' }
  | { readonly do: 'remove'; readonly path: string }
  | { readonly do: 'push' | 'pull' | 'repair' | 'approve' | 'stop' };

export interface Answer {
  readonly number: number;
  readonly do: Asked['do'] | 'start';
  readonly error?: string;
}

/** How much of what the processes of a host logged is kept, to examine a failure. */
const logLimit = 8_000_000;
const patience = 60_000;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * The processes of one host's app, one at a time: real ones, so that a kill leaves what a kill
 * leaves.
 */
export class AppProcess {
  private child: ChildProcess | undefined;
  private waiting = new Map<number, Waiting>();
  private asked = 0;
  private readonly mark = `TEST_APP_MARK=${randomBytes(8).toString('hex')}`;
  log = '';

  constructor(
    private readonly name: string,
    private readonly program: string,
    private readonly environment: Record<string, string>,
    private readonly settings: Settings,
  ) {}

  get pid(): number | undefined {
    return this.child?.pid;
  }
  get running(): boolean {
    return this.child?.connected ?? false;
  }

  /** Resolves when it has begun; its lease may still be that of the process before. */
  async start(): Promise<void> {
    if (this.child) return;
    const [mark = '', value] = this.mark.split('=');
    const child = fork(this.program, [JSON.stringify(this.settings)], {
      execArgv: [],
      env: { ...process.env, ...this.environment, [mark]: value },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    guardProcess(child, this.mark);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.log = (this.log + text).slice(-logLimit);
      });
    child.on('message', (answer: Answer) => {
      this.take(answer);
    });
    child.once('exit', () => {
      this.end(child);
    });
    await this.answerTo(0);
  }

  async ask(asked: Asked): Promise<void> {
    const number = ++this.asked;
    if (!this.child?.connected) throw new Error(`the app of ${this.name} does not run`);
    const answered = this.answerTo(number);
    this.child.send({ number, asked });
    await answered;
  }

  /** As `ask`, and kills it in the midst of it: nobody knows what it did. */
  async askAndKill(asked: Asked, afterMs: number): Promise<void> {
    const asking = this.ask(asked).catch(() => undefined);
    await sleep(afterMs);
    await this.kill();
    await asking;
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (!child) return;
    const gone = once(child, 'exit');
    await this.ask({ do: 'stop' });
    await gone;
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (!child) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Ends it, and its remaining processes. */
  async close(): Promise<void> {
    await this.kill();
    await endProcesses([], { mark: this.mark });
    await until(() => this.child === undefined, { what: `the end of the app of ${this.name}` });
  }

  private answerTo(number: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(number);
        reject(new Error(`the app of ${this.name} did not answer`));
      }, patience);
      const done = (tell: () => void): void => {
        clearTimeout(timer);
        tell();
      };
      this.waiting.set(number, {
        resolve: () => {
          done(resolve);
        },
        reject: (error) => {
          done(() => {
            reject(error);
          });
        },
      });
    });
  }

  private take({ number, error }: Answer): void {
    const waiting = this.waiting.get(number);
    this.waiting.delete(number);
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(new Error(error));
  }

  private end(child: ChildProcess): void {
    if (this.child === child) this.child = undefined;
    const { waiting } = this;
    this.waiting = new Map();
    for (const { reject } of waiting.values()) reject(new Error(`the app of ${this.name} ended`));
  }
}
