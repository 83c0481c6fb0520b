import { withTimeout } from '../util/with-timeout.js';
import type { DocumentRef } from '../model/capture.js';
import type { UnnamedSaves } from '../model/host.js';

/** How many models are counted at once. Further ones wait until these counts are stored. */
const maxModels = 100;
const storeIntervalMs = 10_000;
const closeTimeoutMs = 2_000;

/**
 * Counts saves whose documents name no file. That is normal if a file is optional. Otherwise it
 * is the only sign that the names have an unknown form. The counts are stored every ten seconds;
 * a process that dies loses those that it has not stored.
 */
export class UnnamedSaveCounter {
  private counts = new Map<string, UnnamedSaves>();
  private timer: NodeJS.Timeout | undefined;
  private storing: Promise<void> = Promise.resolve();
  private closed = false;

  /**
   * @param store adds these to the stored counts. After a failure, which `fail` receives, the
   * counts are kept for the next try.
   */
  constructor(
    private readonly store: (counts: ReadonlyMap<string, UnnamedSaves>) => Promise<void>,
    private readonly fail: (error: unknown) => void,
  ) {}

  add({ model, id }: DocumentRef): void {
    const before = this.counts.get(model);
    if (this.closed || (before === undefined && this.counts.size >= maxModels)) return;
    this.counts.set(model, {
      count: (before?.count ?? 0) + 1,
      lastDocument: id,
      lastAt: new Date(),
    });
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.beginStoring();
    }, storeIntervalMs).unref();
  }

  /** Stores the remaining counts, unless the database does not answer. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.beginStoring();
    await withTimeout(this.storing, closeTimeoutMs, 'the database').catch(() => undefined);
  }

  private beginStoring(): void {
    this.storing = this.storing.then(() => this.storeCounts());
  }

  private async storeCounts(): Promise<void> {
    const { counts } = this;
    if (counts.size === 0) return;
    this.counts = new Map();
    try {
      await this.store(counts);
    } catch (error) {
      this.fail(error);
      for (const [model, before] of counts) {
        const now = this.counts.get(model);
        this.counts.set(model, now ? { ...now, count: now.count + before.count } : before);
      }
    }
  }
}
