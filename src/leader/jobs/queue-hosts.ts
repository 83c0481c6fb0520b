import type { LeaderContext } from '../../context/leader-context.js';
import type { DeliveryQueues } from '../../replication/delivery-queues.js';
import type { HostId } from '../../model/host.js';
import type { LeaderJob } from '../leader-job.js';
import type { LeaderHint } from '../wake-socket.js';

/**
 * Keeps a delivery queue for each host that files can be sent to, and makes it try again if a
 * person requests that on any host. A host that waits for approval
 * has access nowhere and sends nothing yet. Its pending entries stay in the ledger.
 */
export class QueueHosts implements LeaderJob {
  readonly name = 'updating the delivery queues';
  private unsubscribe: (() => void) | undefined;
  /** How often a person requested a retry for each host, as read last. */
  private readonly retries = new Map<HostId, number>();

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
    for (const { id, retries = 0 } of hosts) {
      const before = this.retries.get(id);
      this.retries.set(id, retries);
      if (before !== undefined && before !== retries) this.queues.wake(id);
    }
  }

  handleHint({ retry = [] }: LeaderHint): boolean {
    for (const id of retry) this.queues.wake(id);
    return true;
  }

  close(): Promise<void> {
    this.unsubscribe?.();
    return Promise.resolve();
  }
}
