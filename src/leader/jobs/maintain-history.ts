import type { LeaderContext } from '../../context/leader-context.js';
import { chooseReceivingHosts } from '../../decisions/receiving-hosts.js';
import { DAY_MS } from '../../model/clock.js';
import type { HistoryStateStore } from '../history-state.js';
import type { LeaderJob } from '../leader-job.js';

/** How often the history is cleaned, and how soon after the start or a failure, in milliseconds. */
const INTERVAL_MS = DAY_MS;
const SOON_MS = 10 * 60_000;
/** Removed objects still occupy the disk for an hour. */
const TOO_LARGE_MS = 61 * 60_000;
/** So many objects make reading slow. They are packed without waiting for the next day. */
const CHECK_MS = 60_000;

/**
 * Cleans the history once a day while no file is on its way to another host: removes what the
 * limits no longer allow, and packs the rest.
 */
export class MaintainHistory implements LeaderJob {
  readonly name = 'cleaning the history';
  private readonly ending = new AbortController();
  private nextAt = performance.now() + SOON_MS;
  private nextCheckAt = performance.now() + CHECK_MS;
  private running: Promise<void> | undefined;

  constructor(
    private readonly context: Pick<
      LeaderContext,
      'backend' | 'config' | 'ledger' | 'me' | 'events' | 'tuning' | 'registry'
    >,
    private readonly state: HistoryStateStore,
  ) {}

  async pollThoroughly(): Promise<void> {
    const { backend, tuning, registry, ledger, me } = this.context;
    // A command that leads for a moment has other limits than the application.
    if (!backend.history || !tuning.scansPeriodically || this.running) return;
    if (this.ending.signal.aborted || performance.now() < Math.min(this.nextAt, this.nextCheckAt))
      return;
    if (await ledger.hasPending(me, chooseReceivingHosts(registry.me(), registry.all()))) return;
    const isDaily = performance.now() >= this.nextAt;
    this.nextCheckAt = performance.now() + CHECK_MS;
    if (!isDaily && !(await backend.history.needsPacking(this.ending.signal))) return;
    this.nextAt = performance.now() + SOON_MS;
    this.running = this.maintain().finally(() => {
      this.running = undefined;
    });
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  private async maintain(): Promise<void> {
    const { backend, config, events, registry } = this.context;
    try {
      // Where the clock of a host is wrong, all days may look old to it.
      const now = registry.me().heartbeatAt;
      const size = await backend.history?.maintain(this.ending.signal, now);
      if (size) await this.state.recordSize(size);
      const isTooLarge = (size?.bytes ?? 0) > config.history.maxBytes;
      this.nextAt = performance.now() + (isTooLarge ? TOO_LARGE_MS : INTERVAL_MS);
    } catch (error) {
      if (!this.ending.signal.aborted) events.emit('failed', { doing: this.name, error });
    }
  }
}
