import type { DeliveryQueues } from '../../replication/delivery-queues.js';
import type { LeaderJob } from '../leader-job.js';

/** Finds pending entries that no hint announced, also for paths whose retry is due. */
export class QueuePolls implements LeaderJob {
  readonly name = 'finding pending entries';

  constructor(private readonly queues: DeliveryQueues) {}

  pollThoroughly(): Promise<void> {
    return this.queues.poll();
  }
}
