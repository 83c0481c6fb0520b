import type { ReadyLimits } from '../config/ready-limits.js';
import { HeartbeatMonitor } from '../hosts/heartbeats.js';
import type { ThisHost } from '../context/this-host.js';
import { mayTakeVisitors } from '../decisions/host-state.js';
import { withTimeout } from '../util/with-timeout.js';
import type { Host, HostId } from '../model/host.js';

/**
 * The shortest interval between database queries, since the address is public. In milliseconds.
 */
const maxBacklogAgeMs = 1_000;
/** A load balancer gets its answer within this time. In milliseconds. */
const answerTimeoutMs = 3_000;

interface HostBacklog {
  readonly ready: boolean;
  readonly pending: number;
  readonly behindMs: number;
}

/** Checks how far this host is behind, at most once a second however many requests come. */
export class Readiness {
  private backlog: Promise<HostBacklog> | undefined;
  private backlogReadAt = 0;
  private readonly heartbeats: HeartbeatMonitor;

  /**
   * @param isLed whether a process of this host is the leader: without one, nothing that is saved
   *   here reaches another host
   */
  constructor(
    private readonly thisHost: Pick<ThisHost, 'tuning' | 'openContext'>,
    private readonly isLed: () => Promise<boolean>,
  ) {
    const { leaseMs, pollMs } = thisHost.tuning;
    this.heartbeats = new HeartbeatMonitor(2 * leaseMs, 3 * pollMs);
  }

  /** Never rejects: if the backlog cannot be read, the host is not ready. */
  async isReady(limits: Required<ReadyLimits>): Promise<boolean> {
    if (!this.backlog || performance.now() - this.backlogReadAt > maxBacklogAgeMs) {
      this.backlogReadAt = performance.now();
      this.backlog = withTimeout(this.readBacklog(), answerTimeoutMs, 'the database');
    }
    const { ready, pending, behindMs } = await this.backlog.catch(() => ({
      ready: false,
      pending: 0,
      behindMs: 0,
    }));
    return (
      ready && pending <= limits.maxFiles && (pending === 0 || behindMs <= limits.maxBehind * 1_000)
    );
  }

  private async readBacklog(): Promise<HostBacklog> {
    const { registry, ledger, me } = await this.thisHost.openContext();
    await registry.refresh();
    const query = { pending: me, deliverableBy: this.listWorkingHosts(registry.others()) };
    const [pending, since, isLed] = await Promise.all([
      ledger.count(query),
      ledger.findOldestPending(query),
      this.isLed(),
    ]);
    return {
      ready: isLed && mayTakeVisitors(registry.me()),
      pending,
      behindMs: since ? Date.now() - since.getTime() : 0,
    };
  }

  /**
   * Lists the hosts that are working: those that renewed their lease within twice the lease time.
   *
   * Files that only stopped hosts have do not make this host unready. No host that works has them
   * either, so sending visitors elsewhere would not help.
   */
  private listWorkingHosts(others: readonly Host[]): HostId[] {
    this.heartbeats.observe(others);
    return others
      .filter(
        ({ id, passive, status }) =>
          !passive && (status === 'approved' || status === 'paused') && !this.heartbeats.isGone(id),
      )
      .map(({ id }) => id);
  }
}
