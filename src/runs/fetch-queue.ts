import type { Difference } from '../model/change.js';
import type { SyncDir } from '../model/sync-dir.js';

/** Differences of one sync dir. */
export interface FetchBatch {
  readonly dir: SyncDir;
  readonly differences: readonly Difference[];
}

/**
 * Differences that a comparison has found and that wait to be fetched. The comparison waits while
 * the queue is full; the fetching takes as many as there are, up to the size of a batch.
 */
export class FetchQueue {
  private readonly waiting: { readonly dir: SyncDir; readonly difference: Difference }[] = [];
  private hasEnded = false;
  private isStopped = false;
  private wake = (): void => undefined;

  /**
   * @param limit the most differences that may wait before `put` does
   * @param batchSize the most differences of a batch
   */
  constructor(
    private readonly limit: number,
    private readonly batchSize: number,
  ) {}

  /** Adds differences once there is room. After `stop` it drops them and returns false. */
  async put(dir: SyncDir, differences: readonly Difference[]): Promise<boolean> {
    while (this.waiting.length >= this.limit && !this.isStopped) await this.change();
    if (this.isStopped) return false;
    for (const difference of differences) this.waiting.push({ dir, difference });
    this.wake();
    return true;
  }

  /** The comparison has ended, with or without an error. */
  end(): void {
    this.hasEnded = true;
    this.wake();
  }

  /** Nobody fetches any more. */
  stop(): void {
    this.isStopped = true;
    this.wake();
  }

  /** Yields batches until the comparison has ended and all its differences were taken. */
  async *takeBatches(): AsyncGenerator<FetchBatch, void, undefined> {
    for (;;) {
      const [first] = this.waiting;
      if (first) {
        const other = this.waiting.findIndex(({ dir }) => dir !== first.dir);
        const count = Math.min(this.batchSize, other < 0 ? this.waiting.length : other);
        const taken = this.waiting.splice(0, count).map(({ difference }) => difference);
        this.wake();
        yield { dir: first.dir, differences: taken };
      } else if (this.hasEnded) return;
      else await this.change();
    }
  }

  /** Either side waits only where the other one has something to do, so one waits at a time. */
  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}
