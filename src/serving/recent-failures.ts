/**
 * Remembers for a short time that no host could deliver a file, so that the hosts are not asked
 * again and again.
 *
 * The key contains the state of the file in the database. When that changes, the hosts are asked
 * again. The number of failures is limited; the oldest are dropped first.
 */
export class RecentFailures {
  private readonly failures = new Map<string, number>();

  constructor(
    private readonly ttlMs: number,
    private readonly limit: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  get size(): number {
    return this.failures.size;
  }

  has(key: string): boolean {
    const until = this.failures.get(key);
    if (until === undefined) return false;
    if (until > this.now()) return true;
    this.failures.delete(key);
    return false;
  }

  add(key: string): void {
    this.failures.delete(key);
    if (this.failures.size >= this.limit)
      for (const oldest of this.failures.keys()) {
        this.failures.delete(oldest);
        break;
      }
    this.failures.set(key, this.now() + this.ttlMs);
  }
}
