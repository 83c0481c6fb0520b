import { spawn } from 'node:child_process';
import { getErrorMessage } from '../../model/errors.js';
import { requirePipes } from '../../util/require-pipes.js';
import type { LeaderContext } from '../../context/leader-context.js';
import type { LeaderJob } from '../leader-job.js';

const outputLimit = 4_096;
const reloadMs = 60_000;
/**
 * In milliseconds. A program that the command leaves in the background may keep the output open.
 */
const outputMs = 500;

/**
 * Runs this host's reload command after it received files. Requests are coalesced and never run
 * at the same time. The command runs without a shell, with limits on time and output.
 */
export class ReloadRunner implements LeaderJob {
  readonly name = 'running the reload command';
  private requested = false;
  private running: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private readonly ending = new AbortController();

  private unsubscribe: (() => void) | undefined;

  /** @param delayMs how long to wait for further files before the command runs */
  constructor(
    private readonly context: Pick<LeaderContext, 'config' | 'events' | 'registry'>,
    private readonly delayMs = 500,
  ) {}

  start(): void {
    if (this.context.config.reloadCommand)
      this.unsubscribe = this.context.events.on('received', () => {
        this.request();
      });
  }

  private request(): void {
    if (this.closed) return;
    this.requested = true;
    if (this.running || this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.running = this.run().finally(() => {
        this.running = undefined;
        if (this.requested) this.request();
      });
    }, this.delayMs);
    this.timer.unref();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.unsubscribe?.();
    clearTimeout(this.timer);
    this.ending.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { config, events, registry } = this.context;
    this.requested = false;
    const outcome = await runReloadCommand(
      config.reloadCommand ?? [],
      AbortSignal.any([this.ending.signal, AbortSignal.timeout(reloadMs)]),
    ).catch((error: unknown) => ({ exitCode: null, output: getErrorMessage(error) }));
    events.emit('reloaded', outcome);
    try {
      await registry.recordReload({ at: new Date(), ...outcome });
    } catch (error) {
      events.emit('failed', { doing: 'recording a reload', error });
    }
  }
}

/** @throws TRANSFER_FAILED if too many files are open; what `spawn` throws */
function runReloadCommand(
  [program = '', ...args]: readonly string[],
  signal: AbortSignal,
): Promise<{ exitCode: number | null; output: string }> {
  return new Promise((resolve) => {
    let output = '',
      waiting: NodeJS.Timeout | undefined;
    const child = requirePipes(
      spawn(program, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        signal,
        killSignal: 'SIGKILL',
      }),
    );
    const end = (exitCode: number | null): void => {
      clearTimeout(waiting);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ exitCode, output: output.slice(0, outputLimit) });
    };
    const collect = (chunk: Buffer): void => {
      if (output.length < outputLimit) output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => {
      output += error.message;
      // The program could not be started, so no other event follows.
      if (child.pid === undefined) end(null);
    });
    child.on('exit', (exitCode) => {
      waiting = setTimeout(() => {
        end(exitCode);
      }, outputMs);
    });
    child.on('close', (exitCode) => {
      end(exitCode);
    });
  });
}
