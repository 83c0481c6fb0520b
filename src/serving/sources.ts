import { allows } from '../planning/wants.js';
import type { Entry, Host, HostId } from '../words.js';

/** How much the newest look counts. */
const weight = 0.3;

/** Which host to fetch from first: the one that answered quickest lately; those that failed lately come last. */
export class Sources {
  private readonly latency = new Map<HostId, number>();
  private readonly failedAt = new Map<HostId, number>();

  /** @param shunMs how long a failure counts */
  constructor(private readonly shunMs: number, private readonly now: () => number = () => performance.now()) {}

  answered(host: HostId, ms: number): void {
    const before = this.latency.get(host);
    this.latency.set(host, before === undefined ? ms : before + weight * (ms - before));
    this.failedAt.delete(host);
  }

  failed(host: HostId): void {
    this.failedAt.set(host, this.now());
  }

  /** The hosts that hold this entry and may be asked for it. One never asked comes before those whose latency is known. */
  rank(entry: Entry, hosts: readonly Host[], me: HostId): Host[] {
    const able = hosts.filter((host) => host.id !== me && entry.heldBy.includes(host.id) && (host.status === 'approved' || host.status === 'paused')
      && (host.passive || host.readyAt !== undefined || host.id === entry.capturedBy) && allows(host, entry.path));
    const cost = (host: Host): number => {
      const failed = this.failedAt.get(host.id);
      const isShunned = failed !== undefined && this.now() - failed < this.shunMs;
      return (isShunned ? 1e9 : 0) + (host.status === 'paused' ? 1e6 : 0) + (this.latency.get(host.id) ?? 0);
    };
    return able.map((host) => ({ host, cost: cost(host) })).sort((a, b) => a.cost - b.cost).map(({ host }) => host);
  }
}
