import type { LeaderContext } from '../../context/leader-context.js';
import { computeBackoff } from '../../decisions/backoff.js';
import type { Failure } from '../../model/failure.js';
import type { Host, HostId } from '../../model/host.js';
import type { History } from '../../transport/history.js';
import type { HistoryStateStore } from '../history-state.js';
import type { LeaderJob } from '../leader-job.js';
import { giveWay } from './give-way.js';

/** A host gets the history at most this often. */
const INTERVAL_MS = 2_000;
const HOSTS_AT_ONCE = 8;

interface Sharing {
  failures: number;
  /** When the next try may begin. */
  nextAt: number;
  /** Something was recorded since the last success. */
  isDue: boolean;
}

/**
 * Sends this host's history to the other hosts that keep one. Each host has a backoff of its own,
 * which no delivery knows. None waits for another one, which may get large files for hours.
 */
export class ShareHistory implements LeaderJob {
  readonly name = 'sharing the history';
  private readonly ending = new AbortController();
  private readonly hosts = new Map<HostId, Sharing>();
  private readonly working = new Map<HostId, Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  /** By `performance.now()`. */
  private timerAt = 0;
  private running: Promise<void> | undefined;
  private isAgain = false;

  constructor(
    private readonly context: Pick<
      LeaderContext,
      'backend' | 'config' | 'me' | 'events' | 'tuning' | 'registry' | 'hasTraffic'
    >,
    private readonly state: HistoryStateStore,
  ) {}

  /** Tells that something was recorded. */
  readonly notice = (): void => {
    for (const sharing of this.hosts.values()) sharing.isDue = true;
    this.runSoon(0);
  };

  poll(): void {
    this.runSoon(0);
  }

  pollThoroughly(): void {
    for (const sharing of this.hosts.values()) sharing.isDue = true;
    this.runSoon(0);
  }

  async close(): Promise<void> {
    this.ending.abort();
    clearTimeout(this.timer);
    await this.running;
    await Promise.all(this.working.values());
  }

  private runSoon(wait: number): void {
    const { history } = this.context.backend;
    if (!history || this.ending.signal.aborted) return;
    if (this.running) {
      this.isAgain = true;
      return;
    }
    const at = performance.now() + wait;
    if (this.timer && this.timerAt <= at) return;
    clearTimeout(this.timer);
    this.timerAt = at;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.running = this.run(history).finally(() => {
        this.running = undefined;
        const next = this.findNext();
        if (this.isAgain || next !== undefined) this.runSoon(next ?? 0);
        this.isAgain = false;
      });
    }, wait);
    this.timer.unref();
  }

  /** Milliseconds until the next host can be served; undefined if none is due. */
  private findNext(): number | undefined {
    const due = [...this.hosts].filter(([id, { isDue }]) => isDue && !this.working.has(id));
    if (due.length === 0 || this.working.size >= HOSTS_AT_ONCE) return undefined;
    return Math.max(0, Math.min(...due.map(([, { nextAt }]) => nextAt)) - performance.now());
  }

  private listTargets(): Host[] {
    const { config, registry, me } = this.context;
    const { on } = config.history;
    return registry
      .recipients()
      .filter(
        (host) =>
          host.id !== me &&
          !host.passive &&
          host.status === 'approved' &&
          host.backend !== 'rsync' &&
          host.history !== undefined &&
          (on === 'all' || on.includes(host.hostname)),
      );
  }

  /** Never rejects. */
  private async run(history: History): Promise<void> {
    if (!this.state.isAnnounced) return;
    const targets = this.listTargets();
    for (const id of [...this.hosts.keys()])
      if (!targets.some((host) => host.id === id)) await this.forget(id);
    for (const { id } of targets)
      if (!this.hosts.has(id)) this.hosts.set(id, { failures: 0, nextAt: 0, isDue: true });
    const due = targets.filter(({ id }) => {
      const sharing = this.hosts.get(id);
      const isReady = sharing?.isDue === true && sharing.nextAt <= performance.now();
      return isReady && !this.working.has(id);
    });
    if (due.length === 0) return;
    const { signal } = this.ending;
    await giveWay(this.context, signal).catch(() => undefined);
    for (const host of due.slice(0, HOSTS_AT_ONCE - this.working.size))
      this.working.set(
        host.id,
        this.share(history, host).finally(() => {
          this.working.delete(host.id);
          this.runSoon(this.findNext() ?? 0);
        }),
      );
  }

  /** A host that gets no history any more fails at nothing. */
  private async forget(id: HostId): Promise<void> {
    this.hosts.delete(id);
    await this.state.recordUnshared(id, undefined).catch((error: unknown) => {
      this.context.events.emit('failed', { doing: this.name, error });
    });
  }

  private async share(history: History, host: Host): Promise<void> {
    const { events, tuning } = this.context;
    const sharing = this.hosts.get(host.id);
    if (!sharing || this.ending.signal.aborted) return;
    sharing.isDue = false;
    try {
      const failure = await history.share(host, this.ending.signal);
      if (failure?.code === 'CANCELLED') return;
      sharing.failures = failure ? sharing.failures + 1 : 0;
      sharing.isDue ||= failure !== undefined;
      sharing.nextAt =
        performance.now() +
        (failure
          ? computeBackoff(sharing.failures, tuning.backoffMs, tuning.backoffMaxMs, Math.random())
          : INTERVAL_MS);
      // The host may have been forgotten meanwhile, and nothing would clear the failure again.
      const counts = failure && this.hosts.get(host.id) === sharing;
      if (counts) this.report(host, failure);
      await this.state.recordUnshared(host.id, counts ? failure : undefined);
    } catch (error) {
      sharing.isDue = true;
      sharing.nextAt = performance.now() + tuning.backoffMaxMs;
      events.emit('failed', { doing: this.name, error });
    }
  }

  private report({ hostname }: Host, { code, message }: Failure): void {
    this.context.events.emit('failed', {
      doing: `${this.name} with host ${hostname}`,
      error: Object.assign(new Error(message), { code }),
    });
  }
}
