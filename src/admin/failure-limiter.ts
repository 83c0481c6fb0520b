/**
 * Limits the failures of all callers together with a token bucket: `burst` failures at once, then
 * one every `refillMs` milliseconds.
 *
 * Behind a load balancer a caller's address says little, and an attacker could grow a table of
 * addresses at will.
 */
export class FailureLimiter {
  private left: number;
  private countedAt: number;

  constructor(
    private readonly burst = 20,
    private readonly refillMs = 3_000,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.left = burst;
    this.countedAt = now();
  }

  /** Milliseconds until the next attempt is allowed; 0: now. */
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
