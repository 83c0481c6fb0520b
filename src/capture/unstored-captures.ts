import { computeBackoff } from '../decisions/backoff.js';
import type { Capture } from '../model/capture.js';
import { mapConcurrently } from '../util/map-concurrently.js';
import { withTimeout } from '../util/with-timeout.js';

/** In milliseconds. */
const firstRetryMs = 500,
  longestRetryMs = 30_000,
  closeTimeoutMs = 2_000;

/** Captures that are stored at the same time. */
const storedAtOnce = 16;

/**
 * Captures whose document was written although the outbox refused them. They stay in memory and
 * are stored again until the outbox takes them. Meanwhile other captures precede their documents,
 * so only operations that are under way already can add to them.
 */
export class UnstoredCaptures {
  private readonly waiting = new Map<string, Capture>();
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private storing: Promise<void> | undefined;
  private closed = false;

  /** @param store stores a capture that may be stored already; rejects if it cannot */
  constructor(private readonly store: (capture: Capture) => Promise<void>) {}

  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }

  has(id: string): boolean {
    return this.waiting.has(id);
  }

  /** Returns false if it is closed: then nothing stores them any more. */
  add(captures: readonly Capture[]): boolean {
    if (this.closed) return false;
    for (const capture of captures) this.waiting.set(capture.id, capture);
    this.schedule();
    return true;
  }

  /**
   * Tries once more, unless the database does not answer. Never rejects.
   *
   * @returns the captures that are lost
   */
  async close(): Promise<readonly Capture[]> {
    this.closed = true;
    clearTimeout(this.timer);
    if (!this.isEmpty)
      await withTimeout(this.storeWaiting(), closeTimeoutMs, 'the database').catch(() => undefined);
    const lost = [...this.waiting.values()];
    this.waiting.clear();
    return lost;
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

  /** Stores each on its own, so that one that is refused for good keeps no other out. */
  private async storeWaiting(): Promise<void> {
    await mapConcurrently([...this.waiting.values()], storedAtOnce, async (capture) => {
      try {
        await this.store(capture);
        this.waiting.delete(capture.id);
      } catch {
        // It is tried again.
      }
    });
    this.failures = this.isEmpty ? 0 : this.failures + 1;
  }
}
