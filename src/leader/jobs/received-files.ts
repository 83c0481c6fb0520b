import type { LeaderContext } from '../../context/leader-context.js';
import type { LeaderJob } from '../leader-job.js';

/** Reports files that other hosts have placed here, once they have raised this host's counter. */
export class ReceivedFiles implements LeaderJob {
  readonly name = 'reporting received files';
  private unsubscribe: (() => void) | undefined;

  constructor(private readonly context: Pick<LeaderContext, 'registry' | 'reportReceived'>) {}

  start(): void {
    this.unsubscribe = this.context.registry.onReceived((received) => {
      this.context.reportReceived(received);
    });
  }

  close(): Promise<void> {
    this.unsubscribe?.();
    return Promise.resolve();
  }
}
