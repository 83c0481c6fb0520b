import { answerPush, chooseDirs, wouldPush } from '../planning/differences.js';
import type { Difference, Host, SyncDir } from '../words.js';
import { awaitLane } from './await-lane.js';
import { chooseHosts, compareWith } from './compare.js';
import type { Progress, RunContext } from './context.js';

/**
 * A push: this host's own scan, then for each host a comparison. What differs becomes owed, and goes the one delivery path; the run
 * ends when the lanes have delivered it, or failed to.
 */
export async function push(context: RunContext, progress: Progress): Promise<void> {
  const dirs = chooseDirs(context.dirs(), progress.run.dirs);
  // A dry run changes nothing: what a scan would capture it tells from the comparison.
  if (!progress.run.dryRun) for (const dir of dirs) await context.scan(dir, progress.signal);
  await Promise.all(chooseHosts(context, progress).map(async (host) => {
    const compared = await compareWith(context, progress, host, dirs, 'time', (dir, some) => owe(context, progress, host, dir, some));
    if (compared.failure) progress.fail(host.id, compared.failure);
    if (!progress.run.dryRun) await awaitLane(context, progress, host, compared.dirs.map(({ path }) => path));
  }));
}

async function owe(
  context: RunContext, progress: Progress, host: Host, dir: SyncDir, differences: readonly Difference[],
): Promise<void> {
  const { ledger, me } = context;
  const entries = await ledger.readMany(differences.map(({ path }) => path));
  for (const difference of differences) {
    const entry = entries.get(difference.path);
    if (progress.run.dryRun) {
      if (wouldPush(difference, entry, me, dir, host)) progress.would(host.id, difference.path, difference.here?.size ?? 0);
      continue;
    }
    if (!entry || answerPush(difference, entry, me, dir, host) !== 'owe') continue;
    await ledger.owe(entry.path, [host.id], entry.version);
    // Its sender delivers it; where that is another host, this one holds it as well and may as well send it now.
    if (entry.sender !== me) await ledger.adopt(entry, me);
  }
}
