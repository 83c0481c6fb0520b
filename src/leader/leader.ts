import type { HostContext } from '../context/host-context.js';
import { getErrorMessage } from '../model/errors.js';
import type { Backend } from '../transport/backend.js';
import type { CreateResolver } from '../transport/options.js';
import { createJobs } from './jobs/list.js';
import type { LeaderJob } from './leader-job.js';
import { openLeaderContext, type OpenedLeaderContext } from './open-leader-context.js';
import type { LeaderHint } from './wake-socket.js';

/**
 * Runs the jobs of a host's leader: starts them, polls them and closes them. It is created each
 * time the process gains the lease and closed when it loses the lease. All its knowledge beyond
 * hints is in the database.
 */
export class Leader {
  private readonly ending = new AbortController();
  private readonly opened: OpenedLeaderContext;
  private readonly jobs: readonly LeaderJob[];
  private unsubscribe: (() => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private polling: Promise<void> | undefined;
  private polls = 0;
  private nextThoroughAt = 0;

  constructor(
    private readonly hostContext: HostContext,
    backend: Backend,
    createResolver: CreateResolver,
  ) {
    this.opened = openLeaderContext(hostContext, backend, createResolver, this.ending.signal);
    this.jobs = createJobs(this.opened.context, this.opened.queues);
  }

  /** @throws the error of the job that cannot start, with its name */
  async start(): Promise<void> {
    for (const job of this.jobs) {
      try {
        await job.start?.();
      } catch (error) {
        throw new Error(`${job.name}: ${getErrorMessage(error)}`, { cause: error });
      }
    }
    this.unsubscribe = this.hostContext.registry.onChange(() => {
      this.nextThoroughAt = 0;
    });
    this.timer = setInterval(() => {
      this.poll();
    }, this.hostContext.tuning.pollMs);
    this.timer.unref();
    this.poll();
  }

  /**
   * Handles a hint of this process or, through the socket, of another one. Returns false once
   * this process stops; then another leader must get the hint.
   */
  handleHint(hint: LeaderHint): boolean {
    return (
      !this.ending.signal.aborted && this.jobs.every((job) => job.handleHint?.(hint) !== false)
    );
  }

  async close(): Promise<void> {
    this.ending.abort();
    clearInterval(this.timer);
    this.unsubscribe?.();
    await Promise.all([this.polling, ...this.jobs.map((job) => job.close?.())]);
    await this.opened.close();
  }

  private poll(): void {
    this.polling ??= this.pollJobs().finally(() => {
      this.polling = undefined;
    });
  }

  /** Never rejects. A job that fails ends the poll: the database is probably away. */
  private async pollJobs(): Promise<void> {
    let doing = 'polling the database';
    try {
      await this.readHosts();
      if (this.ending.signal.aborted) return;
      for (const job of this.jobs) {
        doing = job.name;
        await job.poll?.();
      }
      if (performance.now() < this.nextThoroughAt && !this.jobs.some((job) => job.isBehind)) return;
      this.nextThoroughAt = performance.now() + this.hostContext.tuning.fullPollMs;
      for (const job of this.jobs) {
        doing = job.name;
        await job.pollThoroughly?.();
      }
    } catch (error) {
      this.hostContext.events.emit('failed', { doing, error });
    }
  }

  /** Reads the hosts; every second time the sync dirs, too, which change less often. */
  private async readHosts(): Promise<void> {
    const { registry } = this.hostContext;
    await (this.polls++ % 2 === 0 ? this.hostContext.refresh() : registry.refresh());
    this.opened.context.heartbeats.observe(registry.all());
  }
}
