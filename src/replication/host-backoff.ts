import type { Tuning } from '../config/config.js';
import { computeBackoff } from '../decisions/backoff.js';
import { ReturnWatch } from './return-watch.js';

/**
 * The wait of a delivery queue whose host failed. It grows with each failure in a row, and ends
 * early if the host took no connection and takes one again.
 */
export class HostBackoff {
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly returnWatch: ReturnWatch;
  private readonly finish: () => void;
  private since: Date | undefined;

  /**
   * @param onEnd called at the end of each wait, unless `end` ended it
   */
  constructor(
    private readonly tuning: Pick<Tuning, 'backoffMs' | 'backoffMaxMs' | 'returnCheckMs'>,
    takesConnection: (signal: AbortSignal) => Promise<boolean>,
    onEnd: () => void,
  ) {
    this.finish = () => {
      this.end();
      onEnd();
    };
    this.returnWatch = new ReturnWatch(takesConnection, tuning.returnCheckMs, this.finish);
  }

  get isWaiting(): boolean {
    return this.timer !== undefined;
  }

  /** Whether the host failed last. */
  get isFailing(): boolean {
    return this.failures > 0;
  }

  /** Counts a failure that an earlier process recorded, without a wait. */
  countEarlierFailure(since: Date | undefined): void {
    this.failures = 1;
    this.since = since;
  }

  /** Counts a failure and waits. Returns since when the host fails, and when it is tried again. */
  begin(): { failingSince: Date; nextTryAt: Date } {
    this.end();
    this.since ??= new Date();
    const { backoffMs, backoffMaxMs } = this.tuning;
    const waitMs = computeBackoff(++this.failures, backoffMs, backoffMaxMs, Math.random());
    this.timer = setTimeout(this.finish, waitMs);
    this.timer.unref();
    this.returnWatch.start();
    return { failingSince: this.since, nextTryAt: new Date(Date.now() + waitMs) };
  }

  /** Ends the wait. The next failure still counts as one more in a row. */
  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.returnWatch.stop();
  }

  /** The host works. */
  reset(): void {
    this.failures = 0;
    this.since = undefined;
  }
}
