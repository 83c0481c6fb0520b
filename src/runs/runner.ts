import { messageOf, SyncMediaError } from '../errors/errors.js';
import type { Failure, Host, HostId, Path, Run } from '../words.js';
import { bootstrap } from './bootstrap.js';
import type { Progress, RunContext } from './context.js';
import { pull } from './pull.js';
import { push } from './push.js';
import type { RunStore } from './run-store.js';

/** How often progress is stored, and a cancelled run noticed. In milliseconds. */
const storeMs = 500;
const wouldLimit = 1_000;
const failureLimit = 100;

/** Carries out this host's runs, one at a time, oldest first. */
export class Runner {
  private running: Promise<void> | undefined;
  private again = false;
  private readonly ending = new AbortController();

  constructor(private readonly store: RunStore, private readonly context: RunContext, private readonly thisHost: () => Host | undefined) {}

  /** There may be a run to carry out. */
  wake(): void {
    this.again = true;
    if (this.running || this.ending.signal.aborted) return;
    this.running = this.run()
      .catch((error: unknown) => { this.context.events.emit('failed', { doing: 'carrying out runs', error }); })
      .finally(() => { this.running = undefined; });
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.again && !this.ending.signal.aborted) {
      this.again = false;
      for (let run = await this.store.next(this.context.me); run; run = await this.store.next(this.context.me)) {
        await this.carryOut(run);
        if (this.ending.signal.aborted) return;
      }
    }
  }

  private async carryOut(run: Run): Promise<void> {
    const { events } = this.context;
    const cancelling = new AbortController();
    const progress = track(run, AbortSignal.any([cancelling.signal, this.ending.signal]));
    const store = async (): Promise<void> => {
      try {
        if (!await this.store.progress(run)) cancelling.abort();
        events.emit('run', { run: { ...run } });
      } catch (error) { events.emit('failed', { doing: 'storing the progress of a run', error }); }
    };
    events.emit('run', { run: { ...run } });
    const timer = setInterval(() => { void store(); }, storeMs);
    timer.unref();
    try {
      await this.perform(progress);
      run.state = run.failures.length > 0 ? 'failed' : 'done';
      if (run.failures.length > 0) run.failure = summarise(run);
    } catch (error) {
      // Left running: whoever holds the lease next begins it anew.
      if (this.ending.signal.aborted) return;
      if (cancelling.signal.aborted) {
        events.emit('run', { run: await this.store.show(run.id) });
        return;
      }
      run.state = 'failed';
      const code = error instanceof SyncMediaError ? error.code : 'RUN_FAILED';
      run.failure = { code, message: messageOf(error), retryable: true, of: 'host' };
      if (!(error instanceof SyncMediaError)) events.emit('failed', { doing: `a ${run.kind}`, error });
    } finally { clearInterval(timer); }
    events.emit('run', { run: await this.store.end(run) });
  }

  private perform(progress: Progress): Promise<void> {
    const me = this.thisHost();
    switch (progress.run.kind) {
      case 'push': return push(this.context, progress);
      case 'pull': return pull(this.context, progress);
      case 'bootstrap': return me ? bootstrap(this.context, progress, me) : Promise.resolve();
      default: throw new SyncMediaError('BAD_OPTION', `a run of the kind ${JSON.stringify(progress.run.kind)} is not known to this version`);
    }
  }
}

function track(run: Run, signal: AbortSignal): Progress {
  const failed = new Set<string>();
  return {
    run, signal,
    found(files: number, bytes: number) { run.filesFound += files; run.bytesFound += bytes; },
    done(files: number, bytes: number) { run.files += files; run.bytes += bytes; },
    fail(host: HostId, failure: Failure) {
      const key = `${host} ${failure.code} ${failure.of === 'path' ? failure.message : ''}`;
      if (failed.has(key) || run.failures.length >= failureLimit) return;
      failed.add(key);
      run.failures.push({ host, failure });
    },
    would(host: HostId, path: Path) {
      run.filesFound++;
      run.wouldTransfer ??= [];
      if (run.wouldTransfer.length < wouldLimit) run.wouldTransfer.push({ host, path });
    },
  };
}

function summarise({ kind, failures }: Run): Failure {
  const hosts = new Set(failures.map(({ host }) => host)).size;
  const message = `the ${kind} ended with failures on ${hosts} host${hosts === 1 ? '' : 's'}: ${failures[0]?.failure.message ?? ''}`;
  return { code: 'RUN_FAILED', message, retryable: true, of: 'host' };
}
