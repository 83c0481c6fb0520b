import { computeBackoff } from '../decisions/backoff.js';
import type { Capture } from '../model/capture.js';
import { withTimeout } from '../util/with-timeout.js';

/** In milliseconds. */
const firstRetryMs = 500,
  longestRetryMs = 30_000,
  closeTimeoutMs = 2_000;

/**
 * Captures whose document was written although the outbox refused them. They stay in memory and are
 * stored again until the outbox takes them. Meanwhile other captures precede their documents, so
 * there are never more of these than operations that were under way at the same time.
 */
export class UnstoredCaptures {
  private readonly waiting = new Map<string, Capture>();
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private storing: Promise<void> | undefined;
  private closed = false;

  /** @param store stores captures that may be stored already; rejects if it cannot */
  constructor(private readonly store: (captures: readonly Capture[]) => Promise<void>) {}

  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }

  add(captures: readonly Capture[]): void {
    for (const capture of captures) this.waiting.set(capture.id, capture);
    this.schedule();
  }

  /** Tries once more, unless the database does not answer. Never rejects. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    if (this.isEmpty) return;
    await withTimeout(this.storeWaiting(), closeTimeoutMs, 'the database').catch(() => undefined);
  }

  private schedule(): void {
    if (this.timer || this.storing || this.closed || this.isEmpty) return;
    const waitMs = computeBackoff(this.failures + 1, firstRetryMs, longestRetryMs, Math.random());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.storing = this.storeWaiting().finally(() => {
        this.storing = undefined;
        this.schedule();
      });
    }, waitMs).unref();
  }

  private async storeWaiting(): Promise<void> {
    const captures = [...this.waiting.values()];
    try {
      await this.store(captures);
      for (const { id } of captures) this.waiting.delete(id);
      this.failures = 0;
    } catch {
      this.failures++;
    }
  }
}
