import { allows } from '../planning/wants.js';
import type { Entry, Host, HostId, Path } from '../words.js';

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
    const able = hosts.filter((host) => host.id !== me && entry.heldBy.includes(host.id) && isAble(host, entry.path, entry.capturedBy));
    const cost = (host: Host): number => (this.isShunned(host) ? 1e9 : 0) + (host.status === 'paused' ? 1e6 : 0) + (this.latency.get(host.id) ?? 0);
    return able.map((host) => ({ host, cost: cost(host) })).sort((a, b) => a.cost - b.cost).map(({ host }) => host);
  }

  /** The hosts that captured this path and may be asked for it. The one with the newest capture comes first; those that failed lately come last. */
  rankCaptured<T extends { readonly host: HostId }>(path: Path, captured: readonly T[], hosts: readonly Host[], me: HostId): { host: Host; captured: T }[] {
    const able = captured.flatMap((one) => {
      const host = hosts.find(({ id }) => id === one.host);
      return host && host.id !== me && isAble(host, path, host.id) ? [{ host, captured: one }] : [];
    });
    return able.sort((a, b) => Number(this.isShunned(a.host)) - Number(this.isShunned(b.host)));
  }

  private isShunned({ id }: Host): boolean {
    const failed = this.failedAt.get(id);
    return failed !== undefined && this.now() - failed < this.shunMs;
  }
}

/** Whether a host that has a path may be asked for it. What it captured itself it has, ready or not. */
function isAble(host: Host, path: Path, capturedBy: HostId): boolean {
  return (host.status === 'approved' || host.status === 'paused') && (host.passive || host.readyAt !== undefined || host.id === capturedBy) && allows(host, path);
}
