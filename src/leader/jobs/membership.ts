import type { EventBus } from '../../model/events.js';
import type { PathReconciler } from '../../ledger/reconcile-path.js';
import type { Host, HostId } from '../../model/words.js';

export interface MembershipContext {
  readonly reconciler: PathReconciler;
  readonly events: EventBus;
  readonly me: HostId;
  listHosts(): readonly Host[];
  /** Lists the hosts that this host has announced already. */
  listAnnounced(): readonly HostId[];
  record(hosts: readonly HostId[]): Promise<void>;
}

/**
 * Announces the new hosts that this host counts when it creates entries. The announcement follows
 * once all reconciliations with the older host list have ended. A new host becomes a source only
 * after every active host has announced it: until then it may lack files that are pending for
 * nobody.
 */
export class Membership {
  private running: Promise<void> | undefined;

  constructor(private readonly context: MembershipContext) {}

  /** Call this after the hosts were read again. */
  poll(): void {
    const announced = new Set(this.context.listAnnounced());
    const newHosts = this.context
      .listHosts()
      .filter(
        ({ id, passive, readyAt, status }) =>
          id !== this.context.me &&
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
      await this.context.record(ids);
    } catch (error) {
      this.context.events.emit('failed', { doing: 'announcing new hosts', error });
    }
  }
}
