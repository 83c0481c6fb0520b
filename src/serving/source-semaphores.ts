import type { HostId } from '../model/host.js';
import { Semaphore } from './semaphore.js';

/** Gives each source its own slots, so that a slow one leaves room for the others. */
export class SourceSemaphores {
  private readonly bySource = new Map<HostId, Semaphore>();

  /** Takes the limits of `Semaphore`, for each source. */
  constructor(
    private readonly width: number,
    private readonly queue: number,
    private readonly waitMs: number,
  ) {}

  /**
   * Returns a function that frees the slot; undefined if none is free, with `waits` after waiting
   * for one.
   */
  async acquire(source: HostId, waits: boolean): Promise<(() => void) | undefined> {
    const semaphore =
      this.bySource.get(source) ?? new Semaphore(this.width, this.queue, this.waitMs);
    this.bySource.set(source, semaphore);
    const release = waits || semaphore.hasFree ? await semaphore.acquire() : undefined;
    if (!release) return undefined;
    return () => {
      release();
      // Idle sources are dropped, so that retired hosts do not accumulate.
      if (semaphore.isIdle) this.bySource.delete(source);
    };
  }
}
