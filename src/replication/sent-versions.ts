import type { Entry, Version } from '../model/entry.js';
import type { Path } from '../model/path.js';

/** How many delivered versions are remembered. */
const deliveredLimit = 5_000;

/**
 * Remembers which versions are being sent to a host, or were delivered there a while ago. A hint
 * of one of them comes late, since the queue had already found the entry in the ledger.
 */
export class SentVersions {
  private underWay: ReadonlyMap<Path, Version> = new Map();
  private readonly delivered = new Map<Path, Version>();

  has({ path, version }: Entry): boolean {
    return this.underWay.get(path) === version || this.delivered.get(path) === version;
  }

  /** Replaces the versions that are being sent. */
  setUnderWay(batch: readonly Entry[]): void {
    this.underWay = new Map(batch.map(({ path, version }) => [path, version]));
  }

  addDelivered({ path, version }: Entry): void {
    this.delivered.delete(path);
    this.delivered.set(path, version);
    if (this.delivered.size <= deliveredLimit) return;
    for (const oldest of this.delivered.keys()) {
      this.delivered.delete(oldest);
      break;
    }
  }
}
