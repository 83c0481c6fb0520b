import type { LeaderContext } from '../../context/leader-context.js';
import { DAY_MS } from '../../model/clock.js';
import type { HostId } from '../../model/host.js';
import type { LeaderJob } from '../leader-job.js';

/** Milliseconds until no process creates or acknowledges entries with its older list of hosts. */
const SETTLE_MS = 60_000;
/** Earlier retirements were completed by the leaders of that time. */
const RECENT_MS = 7 * DAY_MS;

/**
 * Removes retired hosts from the ledger once more. The process that retires a host does so at once,
 * but may be killed before. Others may still write that host into entries: after a delivery that
 * ends late, or for a save on a host that has not heard of it.
 */
export class ForgetRetired implements LeaderJob {
  readonly name = 'removing retired hosts from the ledger';
  /** When each retired host may be removed, by `performance.now()`. Infinity once it was. */
  private readonly dueAt = new Map<HostId, number>();

  constructor(private readonly context: Pick<LeaderContext, 'ledger' | 'registry'>) {}

  async pollThoroughly(): Promise<void> {
    const { ledger, registry } = this.context;
    const now = performance.now();
    for (const { id, status, updatedAt } of registry.all()) {
      const isRecent = Date.now() - updatedAt.getTime() < RECENT_MS;
      if (status === 'retired' && isRecent && !this.dueAt.has(id))
        this.dueAt.set(id, now + SETTLE_MS);
    }
    const due = [...this.dueAt].filter(([, at]) => at <= now).map(([id]) => id);
    if (due.length === 0) return;
    await ledger.forgetHosts(due);
    for (const id of due) this.dueAt.set(id, Infinity);
  }
}
