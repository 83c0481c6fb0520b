import { hasCode } from '../errors/errors.js';
import type { ScanScope } from '../root/scan.js';
import { type Asserted, type Path, type Seen, type SyncDir, type Entry, type HostId } from '../words.js';
import { hasChanged } from '../planning/standing.js';
import { forEachOf, type Fold, type Rereads } from './fold.js';
import type { Ledger } from './ledger.js';

/** What a scan needs of this host's disk. */
export interface ScanDisk {
  /** Streams the files of a sync dir; throws NO_MARKER where the dir is not (or no longer) the marked one. */
  scan(dir: SyncDir, signal: AbortSignal, scope?: ScanScope): AsyncIterable<{ path: Path; seen: Seen }>;
  observe(path: Path): Promise<Seen | undefined>;
  hash(path: Path): Promise<(Seen & { sha256: string }) | undefined>;
  /** Judges what a crash left aside, before the scan looks at the files. */
  judgeLeftovers(dir: SyncDir): Promise<void>;
}

const batch = 500;
/** How many files, and bytes, one scan reads of those that were touched and look as before. The next scan goes on from there. */
const rereadLimit: Rereads = { files: 200, bytes: 256 * 1024 * 1024 };

/**
 * Walks one of this host's sync dirs and reconciles every path with its entry: files no entry knows, files held that are gone or
 * changed, and bytes that were too fresh to be sure of. Memory is bounded whatever the tree holds.
 * @param scope which part of it; of a part, nothing of what is gone is looked for. Default: all of it
 * @returns the entries written and the number of files seen
 */
export async function scanDir(
  context: { fold: Fold; ledger: Ledger; disk: ScanDisk; me: HostId }, dir: SyncDir, signal: AbortSignal,
  onEntries: (entries: Entry[]) => void, scope: ScanScope = {},
): Promise<number> {
  const { fold, ledger, disk, me } = context;
  const rereads = { ...rereadLimit };
  await disk.judgeLeftovers(dir);
  let files = 0, some: Path[] = [];
  const reconcile = async (): Promise<void> => {
    const paths = some;
    some = [];
    const entries = await fold.paths(paths, { why: 'scan', rereads });
    if (entries.length > 0) onEntries(entries);
  };
  for await (const { path } of disk.scan(dir, signal, scope)) {
    files++;
    if (some.push(path) >= batch) await reconcile();
  }
  await reconcile();
  if (scope.changedSince === undefined) {
    for await (const { path } of ledger.below(dir.path, { heldBy: me })) {
      signal.throwIfAborted();
      if (await isGone(disk, path) && some.push(path) >= batch) await reconcile();
    }
    await reconcile();
  }
  await confirmContents(context, dir, signal, onEntries);
  return files;
}

/** Whether the file is not there any more. Of a sync dir in this one that is not mounted nobody can tell. */
async function isGone(disk: ScanDisk, path: Path): Promise<boolean> {
  try {
    return await disk.observe(path) === undefined;
  } catch (error) {
    return hasCode(error, 'NOT_A_FILE') || hasCode(error, 'SYMLINK_IN_PATH');
  }
}

/** Hashes what could not be told apart by size and mtime when it was captured. */
async function confirmContents(
  { fold, ledger, disk, me }: { fold: Fold; ledger: Ledger; disk: ScanDisk; me: HostId }, dir: SyncDir, signal: AbortSignal,
  onEntries: (entries: Entry[]) => void,
): Promise<void> {
  for (let after: Path | undefined; ;) {
    const unsure = await ledger.unsure(me, dir.path, batch, after);
    if (unsure.length === 0) return;
    const changed: Asserted[] = [];
    await forEachOf(unsure, 4, async (entry) => {
      signal.throwIfAborted();
      const seen = await disk.hash(entry.path).catch(() => undefined);
      const known = entry.facts;
      if (!seen || !known || seen.size !== known.size || seen.mtime !== known.mtime) return;
      // Bytes of which nobody knows the content are those of the version only if nobody has touched the file since.
      const isSame = known.sha256 === undefined ? seen.nanos === known.nanos && hasChanged(entry, me, seen) !== true : seen.sha256 === known.sha256;
      if (!isSame) changed.push({ path: entry.path, seen });
      else await ledger.confirm(entry, seen.sha256, me, seen.stamp);
    });
    // Asserted: the facts of these bytes are those of the version, only their content is not.
    if (changed.length > 0) onEntries(await fold.paths(changed.map(({ path }) => path), { why: 'scan', asserted: changed }));
    after = unsure.at(-1)?.path;
  }
}
