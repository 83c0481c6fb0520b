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
  private readonly done = new Set<string>();
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
      const requests = await forgotten.listSince(since, LIMIT);
      for (const { id, path, at } of requests) {
        if (this.done.has(id) || this.ending.signal.aborted) continue;
        await backend.history?.forget(path, this.ending.signal);
        this.done.add(id);
        config.log.info(`the history has forgotten ${quotePath(path)}, as was requested`);
        await this.state.recordForgotten(at);
      }
    } catch (error) {
      if (!this.ending.signal.aborted) events.emit('failed', { doing: this.name, error });
    }
  }
}
