import { findFault, mayRepair } from '../decisions/findings.js';
import { isRequested } from '../decisions/differences.js';
import { haveSameSizeAndTime } from '../decisions/file-state.js';
import { wantsPath } from '../decisions/wants.js';
import type { Difference } from '../model/change.js';
import type { Entry } from '../model/entry.js';
import type { Finding } from '../model/run.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { SyncDir } from '../model/sync-dir.js';
import { waitForDelivery } from './await-delivery-queue.js';
import { chooseRequestedDirs, chooseRunHosts, compareWithHost } from './compare.js';
import { hashRemoteFile, isIntactHere, repairOwnFile } from './content.js';
import type { LeaderContext } from '../context/leader-context.js';
import type { RunProgress } from './run-progress.js';
import { verifyOwnDir } from './verify-own.js';

/** The most repairs under way to one host before the run waits for them. */
const repairLimit = 10_000;

/**
 * A verification by content. It compares this host's own files with the ledger's sha256, then
 * each other host's files with this one's. A difference is reported for the host whose bytes are
 * not the ledger's.
 *
 * With `repair` this host fetches what it should have, and makes pending for the others what they
 * should have, from bytes that match the ledger. It never removes anything, and never restores a
 * file that a tombstone removed.
 */
export async function runVerify(context: LeaderContext, progress: RunProgress): Promise<void> {
  const dirs = chooseRequestedDirs(context, progress);
  if (isRequested(progress.run.hosts, context.me))
    for (const dir of dirs) await verifyOwnDir(context, progress, dir);
  for (const host of chooseRunHosts(context, progress)) {
    progress.includeHost(host.id);
    await verifyHost(context, progress, host, dirs);
  }
}

async function verifyHost(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  dirs: readonly SyncDir[],
): Promise<void> {
  const { ledger } = context;
  const repairing = new Set<Path>();
  const awaitRepairs = async (): Promise<void> => {
    if (repairing.size === 0) return;
    await waitForDelivery(
      context,
      progress,
      host,
      dirs.map(({ path }) => path),
    );
    const paths = [...repairing];
    repairing.clear();
    for (const { heldBy } of (await ledger.readMany(paths)).values())
      if (heldBy.includes(host.id)) progress.addRepaired(host.id, 1);
  };
  const { failure } = await compareWithHost(
    context,
    progress,
    host,
    dirs,
    'bytes',
    async (dir, some) => {
      const entries = await ledger.readMany(some.map(({ path }) => path));
      for (const difference of some) {
        progress.signal.throwIfAborted();
        const entry = entries.get(difference.path);
        const finding = await findRemoteFault(context, progress, host, difference, entry);
        if (!finding) continue;
        progress.addFinding(host.id, difference.path, finding);
        if (
          progress.run.repair &&
          entry &&
          mayRepair(difference, entry, host, dir) &&
          (await repairRemoteFile(context, progress, host, dir, entry))
        )
          repairing.add(entry.path);
      }
      if (repairing.size >= repairLimit) await awaitRepairs();
    },
  );
  if (failure) progress.addFailure(host.id, failure);
  await awaitRepairs();
}

/**
 * Finds whether a difference is the other host's fault. This host's own verification reports its
 * own faults.
 */
async function findRemoteFault(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  { path, here, there, sameBytes }: Difference,
  entry: Entry | undefined,
): Promise<Finding | undefined> {
  const finding = findFault(entry, host.id, wantsPath(host, path), there);
  // After an adoption a host may have the bytes of the version under another date.
  if (finding === 'different' && sameBytes && entry?.info && here)
    if (haveSameSizeAndTime(here, entry.info) && (await isIntactHere(context, entry)))
      return undefined;
  if (finding !== 'content decides') return finding;
  const { sha256 } = entry?.info ?? {};
  // Nobody knows the content of the version.
  if (!entry?.info || sha256 === undefined) return here ? 'different' : undefined;
  if (here && haveSameSizeAndTime(here, entry.info) && (await isIntactHere(context, entry)))
    return 'different';
  return (await hashRemoteFile(context, host, path, progress.signal)) === sha256
    ? undefined
    : 'different';
}

/** Makes the path pending for the host. This host has good bytes, or fetches them first. */
async function repairRemoteFile(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  dir: SyncDir,
  entry: Entry,
): Promise<boolean> {
  const { ledger, me } = context;
  // This host is about to get the path itself; its origin sends it there as well.
  if (!entry.heldBy.includes(me)) return false;
  if (await context.outbox.hasCaptureOf(host.id, entry.path)) return false;
  if (
    !(await isIntactHere(context, entry)) &&
    !(await repairOwnFile(context, progress, dir, entry))
  )
    return false;
  if (!(await ledger.markPending(entry.path, [host.id], entry.version))) return false;
  if (entry.origin !== me) await ledger.takeOver(entry, me);
  return true;
}
