import { schedule, type ScheduledTask } from 'node-cron';
import type { EventBus } from '../model/events.js';

/**
 * Requests periodic runs by node-cron. Every process of a host ticks, but only the leader
 * requests a run, and only if no such run is unfinished. Its timers keep no process alive.
 */
export class CronRuns {
  private task: ScheduledTask | undefined;

  constructor(
    private readonly expression: string,
    private readonly name: string,
    private readonly request: () => Promise<void>,
    private readonly events: EventBus,
  ) {}

  start(): void {
    this.task = schedule(
      this.expression,
      () =>
        this.request().catch((error: unknown) => {
          this.events.emit('failed', { doing: `the periodic ${this.name}`, error });
        }),
      { name: `syncmedia ${this.name}`, noOverlap: true, unref: true },
    );
  }

  async close(): Promise<void> {
    await this.task?.destroy();
    this.task = undefined;
  }
}
