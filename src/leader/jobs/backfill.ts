import type { Ledger } from '../../ledger/ledger.js';
import { allows } from '../../decisions/wants.js';
import type { Host, HostId, SyncDir } from '../../model/words.js';

export interface FillingContext {
  readonly ledger: Ledger;
  readonly me: HostId;
  hosts(): readonly Host[];
  dirs(): readonly SyncDir[];
  filled(): readonly string[];
  record(key: string): Promise<void>;
  forget(key: string): Promise<void>;
  wakeLane(host: HostId): void;
}

/**
 * Identifies a host with its sync dirs. A host that wants other sync dirs than before is
 * backfilled again.
 */
function keyOf({ id, syncDirs }: Host): string {
  return JSON.stringify([id, [...syncDirs].sort()]);
}

/**
 * Makes older entries of this origin pending for hosts that joined since. Every origin does this
 * for its own entries. An entry that was created with an older host list is not missed, because
 * its origin learns of the host after it created the entry.
 */
export class Filling {
  /**
   * Hosts backfilled once by this process. Reconciliations with the older host list may have been
   * running then, so a second pass follows.
   */
  private readonly once = new Set<string>();

  constructor(private readonly context: FillingContext) {}

  async poll(): Promise<void> {
    const { ledger, me } = this.context;
    const filled = new Set(this.context.filled());
    // A retired host's entries have no active origin. It does no harm if several hosts make them
    // pending.
    const senders = [
      me,
      ...this.context
        .hosts()
        .filter(({ status }) => status === 'retired')
        .map(({ id }) => id),
    ];
    for (const host of this.context.hosts()) {
      const key = keyOf(host);
      // A host that waits for approval gets nothing meanwhile, so it is backfilled again after
      // its approval.
      if (host.status === 'pending' && host.id !== me) {
        this.once.delete(key);
        if (filled.has(key)) await this.context.forget(key);
      }
      if (host.id === me || host.status !== 'approved' || filled.has(key)) continue;
      // An active host that is not ready fetches its files itself first.
      if (!host.passive && host.readyAt === undefined) continue;
      let owed = 0;
      for (const dir of this.context.dirs())
        if (allows(host, dir.path)) owed += await ledger.oweLacking(dir.path, host.id, senders);
      if (owed > 0) this.context.wakeLane(host.id);
      if (this.once.has(key)) await this.context.record(key);
      this.once.add(key);
    }
  }
}
