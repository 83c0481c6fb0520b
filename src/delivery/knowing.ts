import type { EventBus } from '../events.js';
import type { Fold } from '../ledger/fold.js';
import type { Host, HostId } from '../words.js';

export interface KnowingContext {
  readonly fold: Fold;
  readonly events: EventBus;
  readonly me: HostId;
  hosts(): readonly Host[];
  /** What is recorded of this host already. */
  known(): readonly HostId[];
  record(hosts: readonly HostId[]): Promise<void>;
}

/**
 * Tells new hosts that this one folds for them: it is recorded after the folds that an older host list began have ended. A new host
 * becomes a source only when every active host has said so, since until then it may lack what nobody owes it.
 */
export class Knowing {
  private running: Promise<void> | undefined;

  constructor(private readonly context: KnowingContext) {}

  /** After the hosts were read anew. */
  poll(): void {
    const known = new Set(this.context.known());
    const fresh = this.context.hosts().filter(({ id, passive, readyAt, status }) => id !== this.context.me && !passive && readyAt === undefined
      && (status === 'approved' || status === 'paused') && !known.has(id));
    if (fresh.length > 0) this.running ??= this.record(fresh.map(({ id }) => id)).finally(() => { this.running = undefined; });
  }

  async close(): Promise<void> { await this.running; }

  private async record(ids: readonly HostId[]): Promise<void> {
    try {
      await this.context.fold.settled();
      await this.context.record(ids);
    } catch (error) { this.context.events.emit('failed', { doing: 'recording which hosts are known', error }); }
  }
}
