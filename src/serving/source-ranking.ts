import { allowsPath } from '../decisions/wants.js';
import type { Entry } from '../model/entry.js';
import type { Host, HostId } from '../model/host.js';
import type { Path } from '../model/path.js';

/** The weight of the newest latency in the moving average. */
const newestWeight = 0.3;

/**
 * Ranks the hosts to fetch from: those that answered quickest first, those that failed recently
 * last.
 */
export class SourceRanking {
  private readonly latency = new Map<HostId, number>();
  private readonly failedAt = new Map<HostId, number>();

  /** @param failurePenaltyMs how long a failure counts, in milliseconds */
  constructor(
    private readonly failurePenaltyMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  recordLatency(host: HostId, ms: number): void {
    const before = this.latency.get(host);
    this.latency.set(host, before === undefined ? ms : before + newestWeight * (ms - before));
    this.failedAt.delete(host);
  }

  recordFailure(host: HostId): void {
    this.failedAt.set(host, this.now());
  }

  /**
   * Returns the hosts that hold this entry and may be asked for it. A host that was never asked
   * comes before those whose latency is known.
   */
  rankHolders(entry: Entry, hosts: readonly Host[], me: HostId): Host[] {
    const eligible = hosts.filter(
      (host) =>
        host.id !== me &&
        entry.heldBy.includes(host.id) &&
        maySendPath(host, entry.path, entry.capturedBy),
    );
    const computeCost = (host: Host): number =>
      (this.hasFailedRecently(host) ? 1e9 : 0) +
      (host.status === 'paused' ? 1e6 : 0) +
      (this.latency.get(host.id) ?? 0);
    return eligible
      .map((host) => ({ host, cost: computeCost(host) }))
      .sort((a, b) => a.cost - b.cost)
      .map(({ host }) => host);
  }

  /**
   * Returns the hosts that captured this path and may be asked for it, those with the newest
   * capture first. Hosts that failed recently come last.
   */
  rankCapturingHosts<T extends { readonly host: HostId }>(
    path: Path,
    captured: readonly T[],
    hosts: readonly Host[],
    me: HostId,
  ): { host: Host; captured: T }[] {
    const eligible = captured.flatMap((one) => {
      const host = hosts.find(({ id }) => id === one.host);
      return host && host.id !== me && maySendPath(host, path, host.id)
        ? [{ host, captured: one }]
        : [];
    });
    return eligible.sort(
      (a, b) => Number(this.hasFailedRecently(a.host)) - Number(this.hasFailedRecently(b.host)),
    );
  }

  private hasFailedRecently({ id }: Host): boolean {
    const failed = this.failedAt.get(id);
    return failed !== undefined && this.now() - failed < this.failurePenaltyMs;
  }
}

/**
 * Whether a host may be asked for a path. The host that captured it has it, even if it is not
 * ready yet.
 */
function maySendPath(host: Host, path: Path, capturedBy: HostId): boolean {
  return (
    (host.status === 'approved' || host.status === 'paused') &&
    (host.passive || host.readyAt !== undefined || host.id === capturedBy) &&
    allowsPath(host, path)
  );
}
