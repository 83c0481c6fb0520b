const tickMs = 250;
/**
 * A longer gap between two ticks means that the process did not run: it was stopped, or its
 * machine slept. In milliseconds.
 */
const gapMs = 1_000;

/** Measures time, but only while this process runs. The owner stops it. */
export class Stopwatch {
  private passedMs = 0;
  private lookedAt: number;
  private readonly ticking: NodeJS.Timeout;

  constructor(private readonly now: () => number = () => performance.now()) {
    this.lookedAt = now();
    this.ticking = setInterval(() => {
      this.look();
    }, tickMs).unref();
  }

  /** @returns milliseconds since the start, without those in which the process did not run */
  stop(): number {
    clearInterval(this.ticking);
    this.look();
    return this.passedMs;
  }

  private look(): void {
    const now = this.now();
    this.passedMs += Math.min(gapMs, now - this.lookedAt);
    this.lookedAt = now;
  }
}
