import type { LeaderContext } from '../../context/leader-context.js';
import type { DeliveryQueues } from '../../replication/delivery-queues.js';
import type { LeaderJob } from '../leader-job.js';

/**
 * Keeps a delivery queue for each host that files can be sent to. A host that waits for approval
 * has access nowhere and sends nothing yet. Its pending entries stay in the ledger.
 */
export class QueueHosts implements LeaderJob {
  readonly name = 'updating the delivery queues';
  private unsubscribe: (() => void) | undefined;

  constructor(
    private readonly context: Pick<LeaderContext, 'registry' | 'me'>,
    private readonly queues: DeliveryQueues,
  ) {}

  start(): void {
    this.unsubscribe = this.context.registry.onChange(() => {
      this.poll();
    });
    this.poll();
  }

  poll(): void {
    const { registry, me } = this.context;
    const hosts = registry.all();
    this.queues.updateHosts(hosts.find(({ id }) => id === me)?.status === 'pending' ? [] : hosts);
  }

  close(): Promise<void> {
    this.unsubscribe?.();
    return Promise.resolve();
  }
}
