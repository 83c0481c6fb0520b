import type { LeaderContext } from '../../context/leader-context.js';
import { allowsPath, makeBackfillKey } from '../../decisions/wants.js';
import type { LeaderJob } from '../leader-job.js';

/**
 * Makes older entries of this origin pending for hosts that joined since. Every origin does this
 * for its own entries. An entry that was created with an older host list is not missed, because
 * its origin learns of the host after it created the entry.
 */
export class Backfill implements LeaderJob {
  readonly name = 'backfilling new hosts';
  /**
   * Hosts backfilled once by this process. Reconciliations with the older host list may have been
   * running then, so a second pass follows.
   */
  private readonly firstPass = new Set<string>();

  constructor(
    private readonly context: Pick<
      LeaderContext,
      'ledger' | 'me' | 'registry' | 'dirs' | 'wakeQueue'
    >,
  ) {}

  async pollThoroughly(): Promise<void> {
    const { ledger, me, registry, dirs } = this.context;
    const hosts = registry.all();
    const backfilled = new Set(registry.me().backfilled ?? []);
    // A retired host's entries have no active origin. It does no harm if several hosts make them
    // pending.
    const origins = [me, ...hosts.filter(({ status }) => status === 'retired').map(({ id }) => id)];
    for (const host of hosts) {
      const key = makeBackfillKey(host);
      // A host that waits for approval gets nothing meanwhile, so it is backfilled again after
      // its approval.
      if (host.status === 'pending' && host.id !== me) {
        this.firstPass.delete(key);
        if (backfilled.has(key)) await registry.forgetBackfilled(key);
      }
      if (host.id === me || host.status !== 'approved' || backfilled.has(key)) continue;
      // An active host that is not ready fetches its files itself first.
      if (!host.passive && host.readyAt === undefined) continue;
      let markedCount = 0;
      for (const dir of dirs.current().list)
        if (allowsPath(host, dir.path))
          markedCount += await ledger.markLackingPending(dir.path, host.id, origins);
      if (markedCount > 0) this.context.wakeQueue(host.id);
      if (this.firstPass.has(key)) await registry.recordBackfilled(key);
      this.firstPass.add(key);
    }
  }
}
