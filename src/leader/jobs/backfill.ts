import type { LeaderContext } from '../../context/leader-context.js';
import { allowsPath, isBackfillOf, makeBackfillKey } from '../../decisions/wants.js';
import type { Host } from '../../model/host.js';
import type { LeaderJob } from '../leader-job.js';

/**
 * Makes older entries pending for hosts that joined since. Every host does this for all entries:
 * an origin that is down now may be retired later, and another may take over its entries. An entry
 * that was created with an older host list is not missed, because its origin learns of the host
 * after it created the entry.
 */
export class Backfill implements LeaderJob {
  readonly name = 'backfilling new hosts';
  /**
   * Hosts backfilled once by this process. Reconciliations with the older host list may have been
   * running then, so a second pass follows.
   */
  private readonly firstPass = new Set<string>();
  /**
   * Keys of backfills that no longer suffice: since then their host waited for approval or had
   * other sync dirs, perhaps for less than the time between two polls.
   */
  private readonly outdated = new Set<string>();
  private unsubscribe: (() => void) | undefined;

  constructor(
    private readonly context: Pick<
      LeaderContext,
      'ledger' | 'me' | 'registry' | 'dirs' | 'wakeQueue'
    >,
  ) {}

  start(): void {
    this.unsubscribe = this.context.registry.onChange((before, after) => {
      for (const host of after) {
        const was = before.find(({ id }) => id === host.id);
        if (!was) continue;
        const [keyBefore, key] = [makeBackfillKey(was), makeBackfillKey(host)];
        if (keyBefore !== key || was.status === 'pending') this.outdated.add(keyBefore);
        if (host.status === 'pending') this.outdated.add(key);
      }
    });
  }

  async pollThoroughly(): Promise<void> {
    const { ledger, me, registry, dirs } = this.context;
    const hosts = registry.all();
    await this.forgetOutdated(hosts);
    const backfilled = new Set(registry.me().backfilled ?? []);
    for (const host of hosts) {
      const key = makeBackfillKey(host);
      if (host.id === me || host.status !== 'approved' || backfilled.has(key)) continue;
      // An active host that is not ready fetches its files itself first.
      if (!host.passive && host.readyAt === undefined) continue;
      let markedCount = 0;
      for (const dir of dirs.current().list)
        if (allowsPath(host, dir.path))
          markedCount += await ledger.markLackingPending(dir.path, host.id);
      if (markedCount > 0) this.context.wakeQueue(host.id);
      if (this.firstPass.has(key)) await registry.recordBackfilled(key);
      this.firstPass.add(key);
    }
  }

  close(): Promise<void> {
    this.unsubscribe?.();
    return Promise.resolve();
  }

  /**
   * While a host waits for approval or has fewer sync dirs, entries are made without it. So it is
   * backfilled again once it is approved, or has its earlier sync dirs again.
   */
  private async forgetOutdated(hosts: readonly Host[]): Promise<void> {
    const { registry, me } = this.context;
    const keys = new Set(this.outdated);
    for (const host of hosts) {
      const key = makeBackfillKey(host);
      if (host.status === 'pending') keys.add(key);
      for (const other of registry.me().backfilled ?? [])
        if (other !== key && isBackfillOf(host.id, other)) keys.add(other);
    }
    for (const key of keys) {
      if (isBackfillOf(me, key)) continue;
      this.firstPass.delete(key);
      if (registry.me().backfilled?.includes(key)) await registry.forgetBackfilled(key);
      this.outdated.delete(key);
    }
  }
}
