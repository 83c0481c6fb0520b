import type { LeaderContext } from '../../context/leader-context.js';
import type { LeaderJob } from '../leader-job.js';
import type { HostId } from '../../model/host.js';

/**
 * Announces the new hosts that this host counts when it creates entries. The announcement follows
 * once all reconciliations with the older host list have ended. A new host becomes a source only
 * after every active host has announced it: until then it may lack files that are pending for
 * nobody.
 */
export class Membership implements LeaderJob {
  readonly name = 'announcing new hosts';
  private running: Promise<void> | undefined;

  constructor(
    private readonly context: Pick<LeaderContext, 'reconciler' | 'events' | 'me' | 'registry'>,
  ) {}

  poll(): void {
    const { registry, me } = this.context;
    const announced = new Set(registry.me().members ?? []);
    const newHosts = registry
      .all()
      .filter(
        ({ id, passive, readyAt, status }) =>
          id !== me &&
          !passive &&
          readyAt === undefined &&
          (status === 'approved' || status === 'paused') &&
          !announced.has(id),
      );
    if (newHosts.length > 0)
      this.running ??= this.announce(newHosts.map(({ id }) => id)).finally(() => {
        this.running = undefined;
      });
  }

  async close(): Promise<void> {
    await this.running;
  }

  private async announce(ids: readonly HostId[]): Promise<void> {
    try {
      await this.context.reconciler.waitForRunning();
      await this.context.registry.recordMembers(ids);
    } catch (error) {
      this.context.events.emit('failed', { doing: this.name, error });
    }
  }
}
