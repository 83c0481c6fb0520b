import { answerPush, explainTransfer, wouldPush } from '../decisions/differences.js';
import type { Difference } from '../model/change.js';
import type { Host } from '../model/host.js';
import type { SyncDir } from '../model/sync-dir.js';
import { waitForDelivery } from './await-delivery-queue.js';
import { chooseRequestedDirs, chooseRunHosts, compareWithHost } from './compare.js';
import type { LeaderContext } from '../context/leader-context.js';
import type { RunProgress } from './run-progress.js';

/**
 * A push scans this host, then compares it with each other host. Differences become pending and
 * are delivered as usual. The run ends when the delivery queues have delivered them or failed.
 */
export async function runPush(context: LeaderContext, progress: RunProgress): Promise<void> {
  const dirs = chooseRequestedDirs(context, progress);
  // A dry run changes nothing: it derives from the comparison what a scan would capture.
  if (!progress.run.dryRun) {
    for (const dir of dirs) await context.scan(dir, progress.signal);
    progress.run.scannedAt = new Date();
  }
  await Promise.all(
    chooseRunHosts(context, progress).map(async (host) => {
      const compared = await compareWithHost(context, progress, host, dirs, 'time', (dir, some) =>
        markDifferencesPending(context, progress, host, dir, some),
      );
      if (compared.failure) progress.addFailure(host.id, compared.failure);
      if (!progress.run.dryRun)
        await waitForDelivery(
          context,
          progress,
          host,
          compared.dirs.map(({ path }) => path),
        );
    }),
  );
}

async function markDifferencesPending(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  dir: SyncDir,
  differences: readonly Difference[],
): Promise<void> {
  const { ledger, me } = context;
  const entries = await ledger.readMany(differences.map(({ path }) => path));
  for (const difference of differences) {
    const entry = entries.get(difference.path);
    if (progress.run.dryRun) {
      if (wouldPush(difference, entry, me, dir, host))
        progress.addWouldTransfer(
          host.id,
          difference.path,
          difference.here?.size ?? 0,
          explainTransfer(difference.there, difference.here, entry),
        );
      continue;
    }
    if (!entry || answerPush(difference, entry, me, dir, host) !== 'mark-pending') continue;
    await ledger.markPending(entry.path, [host.id], entry.version);
    // The origin delivers it. If that is another host, this one takes over, because it holds the
    // file and can send it now.
    if (entry.origin !== me) await ledger.takeOver(entry, me);
  }
}
