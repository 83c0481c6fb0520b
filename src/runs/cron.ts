import { schedule, type ScheduledTask } from 'node-cron';
import type { EventBus } from '../events.js';

/**
 * Periodic runs by node-cron. Every process of a host ticks; only the one that holds the lease asks, and only where no such run is
 * under way. Its timers keep no process alive.
 */
export class CronRuns {
  private task: ScheduledTask | undefined;

  constructor(
    private readonly expression: string, private readonly name: string, private readonly ask: () => Promise<void>,
    private readonly events: EventBus,
  ) {}

  start(): void {
    this.task = schedule(this.expression, () => this.ask().catch((error: unknown) => {
      this.events.emit('failed', { doing: `the periodic ${this.name}`, error });
    }), { name: `syncmedia ${this.name}`, noOverlap: true, unref: true });
  }

  async close(): Promise<void> {
    await this.task?.destroy();
    this.task = undefined;
  }
}
