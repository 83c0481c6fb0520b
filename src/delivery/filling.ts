import type { Ledger } from '../ledger/ledger.js';
import { allows } from '../planning/wants.js';
import type { Host, HostId, SyncDir } from '../words.js';

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

/** What was filled is filled again where a host wants other dirs than before. */
function keyOf({ id, syncDirs }: Host): string {
  return JSON.stringify([id, [...syncDirs].sort()]);
}

/**
 * A host that has come to be known is owed what this one, as sender, captured before. Each sender does it for its own entries, so that
 * nothing folded by a host list without it is forgotten: whoever folded it learns of the host later than it folded.
 */
export class Filling {
  /** Filled once since this process knows the host; a fold by the older list may have been under way then. */
  private readonly once = new Set<string>();

  constructor(private readonly context: FillingContext) {}

  async poll(): Promise<void> {
    const { ledger, me } = this.context;
    const filled = new Set(this.context.filled());
    // What a retired host had captured has no sender of its own any more; that several hosts owe it does no harm.
    const senders = [me, ...this.context.hosts().filter(({ status }) => status === 'retired').map(({ id }) => id)];
    for (const host of this.context.hosts()) {
      const key = keyOf(host);
      // Nothing is owed to it meanwhile: once it is approved again it is filled again.
      if (host.status === 'pending' && host.id !== me) {
        this.once.delete(key);
        if (filled.has(key)) await this.context.forget(key);
      }
      if (host.id === me || host.status !== 'approved' || filled.has(key)) continue;
      // An active host that is not ready fills itself first, by fetching.
      if (!host.passive && host.readyAt === undefined) continue;
      let owed = 0;
      for (const dir of this.context.dirs()) if (allows(host, dir.path)) owed += await ledger.oweLacking(dir.path, host.id, senders);
      if (owed > 0) this.context.wakeLane(host.id);
      if (this.once.has(key)) await this.context.record(key);
      this.once.add(key);
    }
  }
}
