import type { Path } from '../words.js';

/** Why a path is not served just now: the ledger has no file there, or nobody could give it. */
export type Miss = 'unknown' | 'unavailable';

/** Remembers misses for a short time, so that the same question does not reach the database again and again. Bounded; the oldest go first. */
export class RecentMisses {
  private readonly misses = new Map<Path, { miss: Miss; until: number }>();

  constructor(private readonly ms: number, private readonly limit: number, private readonly now: () => number = () => performance.now()) {}

  get size(): number { return this.misses.size; }

  get(path: Path): Miss | undefined {
    const found = this.misses.get(path);
    if (!found) return undefined;
    if (found.until > this.now()) return found.miss;
    this.misses.delete(path);
    return undefined;
  }

  add(path: Path, miss: Miss): void {
    this.misses.delete(path);
    if (this.misses.size >= this.limit) for (const oldest of this.misses.keys()) { this.misses.delete(oldest); break; }
    this.misses.set(path, { miss, until: this.now() + this.ms });
  }
}
