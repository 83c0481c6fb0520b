import type { LeaderContext } from '../context/leader-context.js';
import type { RunStore } from '../context/run-store.js';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { Failure } from '../model/failure.js';
import type { Run } from '../model/run.js';
import { runAdopt } from './adopt.js';
import { runBootstrap } from './bootstrap.js';
import { runPull } from './pull.js';
import { runPush } from './push.js';
import { runRestore } from './restore.js';
import { runRestoreToTime } from './restore-to-time.js';
import { RunProgress } from './run-progress.js';
import { runVerify } from './verify.js';

/** In milliseconds. How often progress is stored and a cancelled run is noticed. */
const storeMs = 500;

/** Carries out this host's runs, one at a time, oldest first. */
export class Runner {
  readonly name = 'carrying out runs';
  private running: Promise<void> | undefined;
  private again = false;
  private readonly ending = new AbortController();

  constructor(private readonly context: LeaderContext) {}

  start(): void {
    this.wake();
  }

  /** Finds runs whose hint was lost. */
  pollThoroughly(): void {
    this.wake();
  }

  handleHint({ run }: { run?: boolean }): boolean {
    if (run === true) this.wake();
    return true;
  }

  private get store(): RunStore {
    return this.context.runs;
  }

  private wake(): void {
    this.again = true;
    if (this.running || this.ending.signal.aborted) return;
    this.running = this.executeRuns()
      .catch((error: unknown) => {
        this.context.events.emit('failed', { doing: this.name, error });
      })
      .finally(() => {
        this.running = undefined;
      });
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  private async executeRuns(): Promise<void> {
    while (this.again && !this.ending.signal.aborted) {
      this.again = false;
      for (
        let run = await this.store.claimNext(this.context.me);
        run;
        run = await this.store.claimNext(this.context.me)
      ) {
        await this.executeRun(run);
        if (this.ending.signal.aborted) return;
      }
    }
  }

  private async executeRun(run: Run): Promise<void> {
    const { events } = this.context;
    const cancelling = new AbortController();
    const progress = new RunProgress(run, AbortSignal.any([cancelling.signal, this.ending.signal]));
    const store = async (): Promise<void> => {
      try {
        progress.measurePace();
        if (!(await this.store.storeProgress(run))) cancelling.abort();
        events.emit('run', { run: { ...run } });
      } catch (error) {
        events.emit('failed', { doing: 'storing the progress of a run', error });
      }
    };
    events.emit('run', { run: { ...run } });
    const timer = setInterval(() => {
      void store();
    }, storeMs);
    timer.unref();
    try {
      // The process that requested the run may know hosts and sync dirs that this one has not read.
      await this.context.refresh();
      await this.dispatchRun(progress);
      // Aborted parts have returned failures, so the signal decides.
      progress.signal.throwIfAborted();
      run.state = run.failures.length > 0 ? 'failed' : 'done';
      if (run.failures.length > 0) run.failure = summariseFailures(run);
    } catch (error) {
      // The run stays `running`: the next leader starts it again.
      if (this.ending.signal.aborted) return;
      if (cancelling.signal.aborted) {
        events.emit('run', { run: await this.store.read(run.id) });
        return;
      }
      run.state = 'failed';
      const code = error instanceof SyncMediaError ? error.code : 'RUN_FAILED';
      run.failure = { code, message: getErrorMessage(error), retryable: true, scope: 'host' };
      if (!(error instanceof SyncMediaError))
        events.emit('failed', { doing: `a ${run.kind}`, error });
    } finally {
      clearInterval(timer);
    }
    events.emit('run', { run: await this.store.endRun(run) });
  }

  private dispatchRun(progress: RunProgress): Promise<void> {
    switch (progress.run.kind) {
      case 'push':
        return runPush(this.context, progress);
      case 'pull':
        return runPull(this.context, progress);
      case 'verify':
        return runVerify(this.context, progress);
      case 'adopt':
        return runAdopt(this.context, progress);
      case 'bootstrap':
        return runBootstrap(this.context, progress);
      case 'restore':
        return progress.run.restoresTo === undefined
          ? runRestore(this.context, progress)
          : runRestoreToTime(this.context, progress, progress.run.restoresTo);
      default:
        throw new SyncMediaError(
          'BAD_OPTION',
          `a run of the kind ${JSON.stringify(progress.run.kind)} is not known to this version`,
        );
    }
  }
}

function summariseFailures({ kind, failures }: Run): Failure {
  const hosts = new Set(failures.map(({ host }) => host)).size;
  const message =
    `the ${kind} ended with failures on ${hosts} host${hosts === 1 ? '' : 's'}: ` +
    `${failures[0]?.failure.message ?? ''}`;
  return { code: 'RUN_FAILED', message, retryable: true, scope: 'host' };
}
