/**
 * Counts failures of all callers together: behind a load balancer the address of one says little, and a table by address
 * would grow as an attacker likes. A token bucket: `burst` failures at once, then one every `refillMs`.
 */
export class FailureLimiter {
  private left: number;
  private countedAt: number;

  constructor(private readonly burst = 20, private readonly refillMs = 3_000, private readonly now: () => number = () => performance.now()) {
    this.left = burst;
    this.countedAt = now();
  }

  /** Milliseconds until the next attempt is looked at; 0: now. */
  waitMs(): number {
    this.refill();
    return this.left >= 1 ? 0 : Math.ceil((1 - this.left) * this.refillMs);
  }

  countFailure(): void {
    this.refill();
    this.left = Math.max(0, this.left - 1);
  }

  private refill(): void {
    const now = this.now();
    this.left = Math.min(this.burst, this.left + (now - this.countedAt) / this.refillMs);
    this.countedAt = now;
  }
}
