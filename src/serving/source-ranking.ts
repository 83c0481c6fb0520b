import { allows } from '../decisions/wants.js';
import type { Entry, Host, HostId, Path } from '../model/words.js';

/** The weight of the newest latency in the moving average. */
const weight = 0.3;

/**
 * Ranks the hosts to fetch from: those that answered quickest first, those that failed recently
 * last.
 */
export class Sources {
  private readonly latency = new Map<HostId, number>();
  private readonly failedAt = new Map<HostId, number>();

  /** @param shunMs how long a failure counts, in milliseconds */
  constructor(
    private readonly shunMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  answered(host: HostId, ms: number): void {
    const before = this.latency.get(host);
    this.latency.set(host, before === undefined ? ms : before + weight * (ms - before));
    this.failedAt.delete(host);
  }

  failed(host: HostId): void {
    this.failedAt.set(host, this.now());
  }

  /**
   * Returns the hosts that hold this entry and may be asked for it. A host that was never asked
   * comes before those whose latency is known.
   */
  rank(entry: Entry, hosts: readonly Host[], me: HostId): Host[] {
    const able = hosts.filter(
      (host) =>
        host.id !== me &&
        entry.heldBy.includes(host.id) &&
        isAble(host, entry.path, entry.capturedBy),
    );
    const cost = (host: Host): number =>
      (this.isShunned(host) ? 1e9 : 0) +
      (host.status === 'paused' ? 1e6 : 0) +
      (this.latency.get(host.id) ?? 0);
    return able
      .map((host) => ({ host, cost: cost(host) }))
      .sort((a, b) => a.cost - b.cost)
      .map(({ host }) => host);
  }

  /**
   * Returns the hosts that captured this path and may be asked for it, those with the newest
   * capture first. Hosts that failed recently come last.
   */
  rankCaptured<T extends { readonly host: HostId }>(
    path: Path,
    captured: readonly T[],
    hosts: readonly Host[],
    me: HostId,
  ): { host: Host; captured: T }[] {
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

/**
 * Whether a host may be asked for a path. The host that captured it has it, even if it is not
 * ready yet.
 */
function isAble(host: Host, path: Path, capturedBy: HostId): boolean {
  return (
    (host.status === 'approved' || host.status === 'paused') &&
    (host.passive || host.readyAt !== undefined || host.id === capturedBy) &&
    allows(host, path)
  );
}
