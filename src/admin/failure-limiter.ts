/**
 * Limits the failures of all callers together with a token bucket: `burst` failures at once, then
 * one every `refillMs` milliseconds.
 *
 * Behind a load balancer a caller's address says little, and an attacker could grow a table of
 * addresses at will.
 */
export class FailureLimiter {
  private tokens: number;
  private refilledAt: number;

  constructor(
    private readonly burst = 20,
    private readonly refillMs = 3_000,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.tokens = burst;
    this.refilledAt = now();
  }

  /** Milliseconds until the next attempt is allowed; 0: now. */
  waitMs(): number {
    this.refill();
    return this.tokens >= 1 ? 0 : Math.ceil((1 - this.tokens) * this.refillMs);
  }

  countFailure(): void {
    this.refill();
    this.tokens = Math.max(0, this.tokens - 1);
  }

  private refill(): void {
    const now = this.now();
    this.tokens = Math.min(this.burst, this.tokens + (now - this.refilledAt) / this.refillMs);
    this.refilledAt = now;
  }
}
