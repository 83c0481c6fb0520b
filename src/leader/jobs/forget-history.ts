import type { LeaderContext } from '../../context/leader-context.js';
import { quotePath } from '../../replica/paths.js';
import type { HistoryStateStore } from '../history-state.js';
import type { LeaderJob } from '../leader-job.js';

/**
 * Requests of this long before the last one are read again, in milliseconds: the database may
 * have stored them later.
 */
const OVERLAP_MS = 10 * 60_000;
const LIMIT = 100;

/** Removes paths from this host's history that a person asked all hosts to forget. */
export class ForgetHistory implements LeaderJob {
  readonly name = 'removing paths from the history';
  private readonly ending = new AbortController();
  /** Requests that were carried out, with their time, as long as they may be read again. */
  private readonly done = new Map<string, Date>();
  private running: Promise<void> | undefined;

  constructor(
    private readonly context: Pick<
      LeaderContext,
      'backend' | 'config' | 'forgotten' | 'events' | 'registry'
    >,
    private readonly state: HistoryStateStore,
  ) {}

  pollThoroughly(): void {
    const { backend } = this.context;
    if (!backend.history || this.running || this.ending.signal.aborted) return;
    this.running = this.forget().finally(() => {
      this.running = undefined;
    });
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  private async forget(): Promise<void> {
    const { backend, config, forgotten, events, registry } = this.context;
    try {
      const until = registry.me().history?.forgottenUntil ?? new Date(0);
      const since = new Date(Math.max(0, until.getTime() - OVERLAP_MS));
      for (const [id, at] of this.done) if (at < since) this.done.delete(id);
      for (;;) {
        const requests = await forgotten.listSince(since, [...this.done.keys()], LIMIT);
        for (const { id, path, at } of requests) {
          if (this.ending.signal.aborted) return;
          await backend.history?.forget(path, at, this.ending.signal);
          this.done.set(id, at);
          config.log.info(`the history has forgotten ${quotePath(path)}, as was requested`);
          await this.state.recordForgotten(at);
        }
        if (requests.length === 0) return;
      }
    } catch (error) {
      if (!this.ending.signal.aborted) events.emit('failed', { doing: this.name, error });
    }
  }
}
