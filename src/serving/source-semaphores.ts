import type { HostId } from '../model/words.js';
import { Slots } from './semaphore.js';

/** Gives each source its own slots, so that a slow one leaves room for the others. */
export class Shares {
  private readonly ofSource = new Map<HostId, Slots>();

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
  async take(source: HostId, waits: boolean): Promise<(() => void) | undefined> {
    const slots = this.ofSource.get(source) ?? new Slots(this.width, this.queue, this.waitMs);
    this.ofSource.set(source, slots);
    const free = waits || slots.hasFree ? await slots.take() : undefined;
    if (!free) return undefined;
    return () => {
      free();
      // Idle sources are dropped, so that retired hosts do not accumulate.
      if (slots.isIdle) this.ofSource.delete(source);
    };
  }
}
