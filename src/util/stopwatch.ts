const tickMs = 250;
/**
 * A longer gap between two ticks means that the process did not run: it was stopped, or its
 * machine slept. In milliseconds.
 */
const gapMs = 1_000;

/** Measures time, but only while this process runs. The owner stops it. */
export class Stopwatch {
  private passedMs = 0;
  private tickedAt: number;
  private readonly ticking: NodeJS.Timeout;

  constructor(private readonly now: () => number = () => performance.now()) {
    this.tickedAt = now();
    this.ticking = setInterval(() => {
      this.tick();
    }, tickMs).unref();
  }

  /** @returns milliseconds since the start, without those in which the process did not run */
  stop(): number {
    clearInterval(this.ticking);
    this.tick();
    return this.passedMs;
  }

  private tick(): void {
    const now = this.now();
    this.passedMs += Math.min(gapMs, now - this.tickedAt);
    this.tickedAt = now;
  }
}
