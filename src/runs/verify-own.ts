import { forEachOf } from '../ledger/reconcile-path.js';
import { findFault } from '../decisions/findings.js';
import { haveSameFacts } from '../decisions/file-state.js';
import type { Entry, Finding, Path, Seen, SyncDir } from '../model/words.js';
import { inBatches } from './compare.js';
import { captureEdit, repairHere } from './content.js';
import type { Progress, RunContext } from './context.js';

/** Files hashed at once. */
const width = 2;

/**
 * Verifies this host's files of one sync dir: reads each file and compares it with the ledger.
 * Then finds held files that are missing.
 */
export async function verifyOwn(
  context: RunContext,
  progress: Progress,
  dir: SyncDir,
): Promise<void> {
  const { disk, ledger, me } = context;
  progress.report(me);
  for await (const { seen } of disk.scan(dir, progress.signal)) progress.found(1, seen.size);
  await inBatches(disk.scan(dir, progress.signal), async (some) => {
    const files = some.filter(({ path }) => context.isSafe(path));
    const entries = await ledger.readMany(files.map(({ path }) => path));
    await forEachOf(files, width, async ({ path, seen }) => {
      progress.signal.throwIfAborted();
      await tell(
        context,
        progress,
        dir,
        path,
        await look(context, path, seen, entries.get(path)),
        entries.get(path),
      );
      progress.done(1, seen.size);
    });
  });
  for await (const entry of ledger.below(dir.path, { heldBy: me })) {
    progress.signal.throwIfAborted();
    if (entry.kind !== 'file' || (await disk.observe(entry.path).catch(() => undefined))) continue;
    // The file may have been removed or replaced since the entry was read.
    const now = await ledger.read(entry.path);
    if (now?.version === entry.version && now.heldBy.includes(me))
      await tell(context, progress, dir, entry.path, 'missing', entry);
  }
}

async function look(
  context: RunContext,
  path: Path,
  seen: Seen,
  entry: Entry | undefined,
): Promise<Finding | 'same' | undefined> {
  const { disk, me } = context,
    fault = findFault(entry, me, true, seen);
  if (fault !== 'content decides' || !entry?.facts)
    return fault === 'content decides' ? undefined : fault;
  if (entry.facts.sha256 === undefined) return undefined;
  const hashed = await disk.hash(path).catch(() => undefined);
  // Written meanwhile: a capture or a scan handles it.
  if (!hashed || !haveSameFacts(hashed, entry.facts)) return undefined;
  if (hashed.sha256 === entry.facts.sha256) return 'same';
  return (await captureEdit(context, entry, hashed)) ? undefined : 'different';
}

async function tell(
  context: RunContext,
  progress: Progress,
  dir: SyncDir,
  path: Path,
  is: Finding | 'same' | undefined,
  entry: Entry | undefined,
): Promise<void> {
  const { me, disk } = context;
  if (is === 'same') {
    progress.same(me, 1);
    return;
  }
  if (!is) return;
  progress.finding(me, path, is);
  if (!progress.run.repair || is === 'extra' || !entry?.facts) return;
  const seen = await disk.observe(path).catch(() => undefined);
  // Other bytes with another date or size may be new: this host's scan captures them.
  if (seen && !haveSameFacts(seen, entry.facts)) return;
  if (await repairHere(context, progress, dir, entry)) progress.repaired(me, 1);
}
