import type { HostId } from '../words.js';
import { Slots } from './slots.js';

/** What one source may occupy at once, so that a slow one leaves room for the others. */
export class Shares {
  private readonly ofSource = new Map<HostId, Slots>();

  /** As for `Slots`, each for one source. */
  constructor(private readonly width: number, private readonly queue: number, private readonly waitMs: number) {}

  /** Gives how to free it; undefined where none is free, with `waits` after the wait. */
  async take(source: HostId, waits: boolean): Promise<(() => void) | undefined> {
    const slots = this.ofSource.get(source) ?? new Slots(this.width, this.queue, this.waitMs);
    this.ofSource.set(source, slots);
    const free = waits || slots.hasFree ? await slots.take() : undefined;
    if (!free) return undefined;
    return () => {
      free();
      // Hosts that were retired are not remembered.
      if (slots.isIdle) this.ofSource.delete(source);
    };
  }
}
