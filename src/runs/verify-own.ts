import { mapConcurrently } from '../util/map-concurrently.js';
import { findFault } from '../decisions/findings.js';
import { haveSameSizeAndTime } from '../decisions/file-state.js';
import type { Entry } from '../model/entry.js';
import type { Finding } from '../model/run.js';
import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';
import type { SyncDir } from '../model/sync-dir.js';
import { forEachBatch } from './compare.js';
import { captureEdit, repairOwnFile } from './content.js';
import type { LeaderContext } from '../context/leader-context.js';
import type { RunProgress } from './run-progress.js';

/** Files hashed at once. */
const width = 2;

/**
 * Verifies this host's files of one sync dir: reads each file and compares it with the ledger.
 * Then finds held files that are missing.
 */
export async function verifyOwnDir(
  context: LeaderContext,
  progress: RunProgress,
  dir: SyncDir,
): Promise<void> {
  const { disk, ledger, me } = context;
  progress.includeHost(me);
  for await (const { info: localInfo } of disk.scan(dir, progress.signal))
    progress.addFound(1, localInfo.size);
  await forEachBatch(disk.scan(dir, progress.signal), async (some) => {
    const files = some.filter(({ path }) => context.findSyncDir(path));
    const entries = await ledger.readMany(files.map(({ path }) => path));
    await mapConcurrently(files, width, async ({ path, info: localInfo }) => {
      progress.signal.throwIfAborted();
      await reportFinding(
        context,
        progress,
        dir,
        path,
        await findOwnFault(context, path, localInfo, entries.get(path)),
        entries.get(path),
      );
      progress.addDone(1, localInfo.size);
    });
  });
  for await (const entry of ledger.streamBelow(dir.path, { heldBy: me })) {
    progress.signal.throwIfAborted();
    if (entry.kind !== 'file' || (await disk.observe(entry.path).catch(() => undefined))) continue;
    // The file may have been removed or replaced since the entry was read.
    const now = await ledger.read(entry.path);
    if (now?.version === entry.version && now.heldBy.includes(me))
      await reportFinding(context, progress, dir, entry.path, 'missing', entry);
  }
}

async function findOwnFault(
  context: LeaderContext,
  path: Path,
  localInfo: LocalFileInfo,
  entry: Entry | undefined,
): Promise<Finding | 'same' | undefined> {
  const { disk, me } = context,
    fault = findFault(entry, me, true, localInfo);
  if (fault !== 'content decides' || !entry?.info)
    return fault === 'content decides' ? undefined : fault;
  if (entry.info.sha256 === undefined) return undefined;
  const hashed = await disk.hash(path).catch(() => undefined);
  // Written meanwhile: a capture or a scan handles it.
  if (!hashed || !haveSameSizeAndTime(hashed, entry.info)) return undefined;
  if (hashed.sha256 === entry.info.sha256) return 'same';
  return (await captureEdit(context, entry, hashed)) ? undefined : 'different';
}

async function reportFinding(
  context: LeaderContext,
  progress: RunProgress,
  dir: SyncDir,
  path: Path,
  finding: Finding | 'same' | undefined,
  entry: Entry | undefined,
): Promise<void> {
  const { me, disk } = context;
  if (finding === 'same') {
    progress.addSame(me, 1);
    return;
  }
  if (!finding) return;
  progress.addFinding(me, path, finding);
  if (!progress.run.repair || finding === 'extra' || !entry?.info) return;
  const localInfo = await disk.observe(path).catch(() => undefined);
  // Other bytes with another date or size may be new: this host's scan captures them.
  if (localInfo && !haveSameSizeAndTime(localInfo, entry.info)) return;
  if (await repairOwnFile(context, progress, dir, entry)) progress.addRepaired(me, 1);
}
