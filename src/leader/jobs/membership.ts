import type { EventBus } from '../../model/events.js';
import type { Fold } from '../../ledger/reconcile-path.js';
import type { Host, HostId } from '../../model/words.js';

export interface KnowingContext {
  readonly fold: Fold;
  readonly events: EventBus;
  readonly me: HostId;
  hosts(): readonly Host[];
  /** Lists the hosts that this host has announced already. */
  known(): readonly HostId[];
  record(hosts: readonly HostId[]): Promise<void>;
}

/**
 * Announces the new hosts that this host counts when it creates entries. The announcement follows
 * once all reconciliations with the older host list have ended. A new host becomes a source only
 * after every active host has announced it: until then it may lack files that are pending for
 * nobody.
 */
export class Knowing {
  private running: Promise<void> | undefined;

  constructor(private readonly context: KnowingContext) {}

  /** Call this after the hosts were read again. */
  poll(): void {
    const known = new Set(this.context.known());
    const fresh = this.context
      .hosts()
      .filter(
        ({ id, passive, readyAt, status }) =>
          id !== this.context.me &&
          !passive &&
          readyAt === undefined &&
          (status === 'approved' || status === 'paused') &&
          !known.has(id),
      );
    if (fresh.length > 0)
      this.running ??= this.record(fresh.map(({ id }) => id)).finally(() => {
        this.running = undefined;
      });
  }

  async close(): Promise<void> {
    await this.running;
  }

  private async record(ids: readonly HostId[]): Promise<void> {
    try {
      await this.context.fold.settled();
      await this.context.record(ids);
    } catch (error) {
      this.context.events.emit('failed', { doing: 'announcing new hosts', error });
    }
  }
}
