import type { LeaderContext } from '../../context/leader-context.js';
import { DAY_MS } from '../../model/clock.js';
import { quotePath } from '../../replica/paths.js';
import type { History } from '../../transport/history.js';
import type { HistoryStateStore } from '../history-state.js';
import type { LeaderJob } from '../leader-job.js';

/**
 * Requests of this long before the last one are read again, in milliseconds: the database may
 * have stored them later.
 */
const OVERLAP_MS = 10 * 60_000;
/** Requests that are carried out by one walk through the history. */
const LIMIT = 200;

/**
 * Removes paths from this host's history that a person asked all hosts to forget.
 *
 * Another host may send versions that it has not forgotten yet: it was away, or had not shared its
 * last ones. Once it has forgotten them itself, it cannot take them back, since no host rewrites
 * its history on another one. So the requests are carried out again here whenever another host has
 * carried out some, or cannot share.
 */
export class ForgetHistory implements LeaderJob {
  readonly name = 'removing paths from the history';
  private readonly ending = new AbortController();
  /** Requests that were carried out, with their time, as long as they may be read again. */
  private readonly done = new Map<string, Date>();
  /** What the rows of the other hosts said of their history when all requests were carried out. */
  private followed: string | undefined;
  private hasBegun = false;
  private running: Promise<void> | undefined;

  constructor(
    private readonly context: Pick<
      LeaderContext,
      'backend' | 'config' | 'forgotten' | 'events' | 'me' | 'registry'
    >,
    private readonly state: Pick<HistoryStateStore, 'isAnnounced' | 'recordForgotten'>,
  ) {}

  /** Begins as soon as the history was opened: this host shares it from then on. */
  poll(): void {
    if (!this.hasBegun) this.pollThoroughly();
  }

  pollThoroughly(): void {
    const { history } = this.context.backend;
    if (!history || this.running || this.ending.signal.aborted || !this.state.isAnnounced) return;
    this.hasBegun = true;
    this.running = this.forget(history).finally(() => {
      this.running = undefined;
    });
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  /** Never rejects. */
  private async forget(history: History): Promise<void> {
    const { config, forgotten, events, registry } = this.context;
    const { signal } = this.ending;
    try {
      const others = this.describeOthers();
      const until = registry.me().history?.forgottenUntil ?? new Date(0);
      const recent = new Date(Math.max(0, until.getTime() - OVERLAP_MS));
      for (const [id, at] of this.done) if (at < recent) this.done.delete(id);
      const isAgain = others !== this.followed;
      const except = new Set(isAgain ? [] : this.done.keys());
      const since = isAgain ? this.findOldest(recent) : recent;
      for (;;) {
        const requests = await forgotten.listSince(since, [...except], LIMIT);
        const last = requests.at(-1);
        if (!last) break;
        await history.forget(requests, signal);
        for (const { id, path, at } of requests) {
          except.add(id);
          if (at < recent || this.done.has(id)) continue;
          this.done.set(id, at);
          config.log.info(`the history has forgotten ${quotePath(path)}, as was requested`);
        }
        await this.state.recordForgotten(last.at);
      }
      this.followed = others;
    } catch (error) {
      if (!signal.aborted) events.emit('failed', { doing: this.name, error });
    }
  }

  private describeOthers(): string {
    const { me, registry } = this.context;
    return registry
      .others()
      .map(({ id, history }) =>
        [id, history?.forgottenUntil?.getTime(), history?.unshared?.[me]?.since.getTime()].join(),
      )
      .sort()
      .join(' ');
  }

  /** No day is kept that is older than the limit, so older requests concern nothing. */
  private findOldest(recent: Date): Date {
    const { config, registry } = this.context;
    const kept = registry.now().getTime() - (config.history.days + 2) * DAY_MS;
    return new Date(Math.max(0, Math.min(recent.getTime(), kept)));
  }
}
