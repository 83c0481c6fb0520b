/** At most `width` pieces of work at once, and `queue` more that wait; the rest is refused at once. */
export class Slots {
  private busy = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly width: number, private readonly queue: number) {}

  /** Waits for a slot, and gives how to free it; undefined where too many wait already. */
  async take(): Promise<(() => void) | undefined> {
    if (this.busy >= this.width) {
      if (this.waiting.length >= this.queue) return undefined;
      // Whoever frees a slot hands it on.
      await new Promise<void>((resolve) => { this.waiting.push(resolve); });
    } else this.busy++;
    let freed = false;
    return () => {
      if (freed) return;
      freed = true;
      const next = this.waiting.shift();
      if (next) next();
      else this.busy--;
    };
  }
}
