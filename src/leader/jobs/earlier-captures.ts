import type { LeaderContext } from '../../context/leader-context.js';
import type { LeaderJob } from '../leader-job.js';
import type { OutboxProcessor } from './process-outbox.js';

/** Reconciles the captures that an earlier leader left. Nothing else waits for it. */
export class EarlierCaptures implements LeaderJob {
  readonly name = 'reconciling earlier captures';
  private running: Promise<void> | undefined;

  constructor(
    private readonly context: Pick<LeaderContext, 'events'>,
    private readonly outbox: OutboxProcessor,
  ) {}

  start(): void {
    this.running = this.outbox.reconcileEarlier().catch((error: unknown) => {
      this.context.events.emit('failed', { doing: this.name, error });
    });
  }

  async close(): Promise<void> {
    await this.running;
  }
}
