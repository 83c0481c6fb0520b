import type { Host, HostId } from '../model/host.js';

interface ObservedBeat {
  readonly beat: string;
  silentMs: number;
}

/**
 * Observes the lease counters of all hosts. A host is gone if its counter stood still for a while
 * on this process's own monotonic clock. Only time during which this process looked counts: while
 * it slept, or the database was away, nothing is known about the others.
 */
export class HeartbeatMonitor {
  private readonly beats = new Map<HostId, ObservedBeat>();
  private observedAt: number | undefined;

  /** @param gapMs the most that counts between two observations */
  constructor(
    private readonly goneMs: number,
    private readonly gapMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Call it whenever the hosts were read. */
  observe(hosts: readonly Host[]): void {
    const now = this.now();
    const passed = this.observedAt === undefined ? 0 : Math.min(this.gapMs, now - this.observedAt);
    this.observedAt = now;
    for (const { id, lease } of hosts) {
      const beat = lease ? `${lease.leader} ${String(lease.beat)}` : '';
      const before = this.beats.get(id);
      if (before?.beat === beat) before.silentMs += passed;
      else this.beats.set(id, { beat, silentMs: 0 });
    }
    for (const id of this.beats.keys())
      if (!hosts.some((host) => host.id === id)) this.beats.delete(id);
  }

  isGone(id: HostId): boolean {
    return (this.beats.get(id)?.silentMs ?? 0) >= this.goneMs;
  }

  /**
   * Whether a host has been gone since before this process looked, by the heartbeats that the
   * database dated. After an outage of the database the heartbeats of all hosts are old. So the
   * counter must also have stood still for `watchedMs` here, in which a host that works sends
   * another one.
   *
   * @param me this host, whose leader sends heartbeats
   */
  wasGoneBefore(
    { id, heartbeatAt }: Pick<Host, 'id' | 'heartbeatAt'>,
    me: Pick<Host, 'heartbeatAt'>,
    watchedMs: number,
  ): boolean {
    if (!heartbeatAt || !me.heartbeatAt) return false;
    const silentMs = me.heartbeatAt.getTime() - heartbeatAt.getTime();
    return silentMs >= this.goneMs && (this.beats.get(id)?.silentMs ?? 0) >= watchedMs;
  }

  /**
   * Lists the hosts that deliver nothing any more: active hosts that are gone, and retired hosts.
   */
  listGone(hosts: readonly Host[]): HostId[] {
    return hosts
      .filter(({ id, passive, status }) => status === 'retired' || (!passive && this.isGone(id)))
      .map(({ id }) => id);
  }
}
