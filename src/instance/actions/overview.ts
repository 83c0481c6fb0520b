import type { Overview } from '../../api/overview.js';
import type { AuditEntry } from '../../api/reports.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { ThisHost } from '../../context/this-host.js';
import { readDatabaseClock } from '../../database/database-clock.js';
import { getHostCollection } from '../../hosts/host-model.js';
import { PendingCounts } from '../../overview/pending-counts.js';
import { createOverview } from '../../overview/create-overview.js';
import { maxQueryMs, readSite } from '../../overview/read-site.js';
import { SharedOverview } from '../../overview/shared-overview.js';
import { describeUnregistered } from '../../overview/unregistered.js';

/** How many hosts an unregistered machine counts. */
const maxHosts = 1_000;

/** Shows the whole site, to everyone in this process from the same reading. */
export class OverviewActions {
  private readonly pendingCounts = new PendingCounts();
  private readonly shared = new SharedOverview(() => this.read());

  readonly actions: Pick<SyncMedia, 'overview'> = {
    overview: async () => {
      this.thisHost.requireUnclosed();
      return this.shared.get();
    },
  };

  constructor(
    private readonly thisHost: ThisHost,
    private readonly listAudit: (limit: number) => Promise<AuditEntry[]>,
  ) {}

  close(): Promise<void> {
    return this.shared.close();
  }

  private async read(): Promise<Overview> {
    const { thisHost } = this;
    if (!thisHost.state) return this.readUnregistered();
    return createOverview(
      await readSite(await thisHost.openContext(), this.listAudit, this.pendingCounts),
    );
  }

  private async readUnregistered(): Promise<Overview> {
    const { config, dirs } = this.thisHost;
    const connection = await this.thisHost.openConnection();
    const rows = getHostCollection(connection, config.collectionPrefix);
    const [now, hosts] = await Promise.all([
      readDatabaseClock(connection),
      rows
        .find(
          { status: { $ne: 'retired' } },
          { projection: { hostname: 1 }, limit: maxHosts, maxTimeMS: maxQueryMs },
        )
        .toArray(),
    ]);
    return describeUnregistered({
      now,
      hostnames: hosts.map(({ hostname }) => hostname),
      root: config.init.root,
      syncDirs: dirs.listDeclared().map(({ path }) => path),
    });
  }
}
