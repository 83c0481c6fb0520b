import { hasErrorCode } from '../model/errors.js';
import type { ScanScope } from '../replica/scan.js';
import type { AssertedFile } from '../model/capture.js';
import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';
import type { SyncDir } from '../model/sync-dir.js';
import type { Entry, Version } from '../model/entry.js';
import type { HostId } from '../model/host.js';
import { hasChangedSinceCompared, haveSameSizeAndTime } from '../decisions/file-state.js';
import { mapConcurrently } from '../util/map-concurrently.js';
import type { PathReconciler } from './reconcile-path.js';
import type { RereadBudget } from './reconcile-context.js';
import type { Ledger } from './ledger.js';

/** In milliseconds. A file to which nobody has written for this long is taken to be complete. */
const SETTLED_MS = 60_000;

/** The part of this host's disk that a scan needs. */
export interface ScanDisk {
  /**
   * Streams the files of a sync dir. Throws NO_MARKER where the directory does not have its
   * marker (any more).
   */
  scan(
    dir: SyncDir,
    signal: AbortSignal,
    scope?: ScanScope,
  ): AsyncIterable<{ path: Path; info: LocalFileInfo }>;
  observe(path: Path): Promise<LocalFileInfo | undefined>;
  hash(path: Path): Promise<(LocalFileInfo & { sha256: string }) | undefined>;
  /** Resolves replaced files that a crash left, before the scan lists the files. */
  resolveLeftovers(dir: SyncDir): Promise<void>;
}

const batch = 500;
/**
 * How many touched files with unchanged size and date, and how many of their bytes, one scan
 * reads. The next scan continues from there.
 */
const rereadBudget: RereadBudget = { files: 200, bytes: 256 * 1024 * 1024 };

/**
 * Walks one of this host's sync dirs and reconciles every path with its entry. It finds files
 * that no entry knows, held files that are gone or changed, and bytes that were too fresh to
 * verify. Its memory does not grow with the tree.
 * @param scope the part to scan; default: everything. A scan of a part does not look for files
 * that are gone.
 * @returns the number of files found
 */
export async function scanSyncDir(
  context: { reconciler: PathReconciler; ledger: Ledger; disk: ScanDisk; me: HostId },
  dir: SyncDir,
  signal: AbortSignal,
  onEntries: (entries: Entry[]) => void,
  scope: ScanScope = {},
): Promise<number> {
  const { reconciler, ledger, disk, me } = context;
  const rereads = { ...rereadBudget };
  await disk.resolveLeftovers(dir);
  let files = 0,
    some: Path[] = [];
  const reconcile = async (): Promise<void> => {
    const paths = some;
    some = [];
    const entries = await reconciler.reconcilePaths(paths, { why: 'scan', rereadBudget: rereads });
    if (entries.length > 0) onEntries(entries);
  };
  for await (const { path } of disk.scan(dir, signal, scope)) {
    files++;
    if (some.push(path) >= batch) await reconcile();
  }
  await reconcile();
  if (scope.changedSince === undefined) {
    for await (const { path } of ledger.streamBelow(dir.path, { heldBy: me })) {
      signal.throwIfAborted();
      if ((await isGone(disk, path)) && some.push(path) >= batch) await reconcile();
    }
    await reconcile();
  }
  await confirmContents(context, dir, signal, onEntries);
  return files;
}

/** Whether the file is gone. If a nested sync dir is not mounted, nobody can tell. */
async function isGone(disk: ScanDisk, path: Path): Promise<boolean> {
  try {
    return (await disk.observe(path)) === undefined;
  } catch (error) {
    return hasErrorCode(error, 'NOT_A_FILE') || hasErrorCode(error, 'SYMLINK_IN_PATH');
  }
}

/**
 * Hashes files whose size and mtime did not identify the bytes when they were captured. A file that
 * was still being written then has another size or date by now, and no scan of changed directories
 * would find it.
 */
async function confirmContents(
  {
    reconciler,
    ledger,
    disk,
    me,
  }: { reconciler: PathReconciler; ledger: Ledger; disk: ScanDisk; me: HostId },
  dir: SyncDir,
  signal: AbortSignal,
  onEntries: (entries: Entry[]) => void,
): Promise<void> {
  for (let after: Path | undefined; ;) {
    const unverified = await ledger.findUnverified(me, dir.path, batch, after);
    if (unverified.length === 0) return;
    const changed: { file: AssertedFile; version: Version }[] = [],
      written: Path[] = [];
    await mapConcurrently(unverified, 4, async (entry) => {
      signal.throwIfAborted();
      const localInfo = await disk.hash(entry.path).catch(() => undefined);
      const info = entry.info;
      if (!localInfo || !info) return;
      if (!haveSameSizeAndTime(localInfo, info)) {
        // Otherwise each scan would send a part of a file that is still being written.
        if (Math.abs(Date.now() - localInfo.mtime * 1_000) > SETTLED_MS) written.push(entry.path);
        return;
      }
      // If nobody knows the content, the bytes are those of the version only if nobody has
      // touched the file since.
      const isSame =
        info.sha256 === undefined
          ? localInfo.nanos === info.nanos && hasChangedSinceCompared(entry, me, localInfo) !== true
          : localInfo.sha256 === info.sha256;
      if (!isSame)
        changed.push({ file: { path: entry.path, info: localInfo }, version: entry.version });
      else await ledger.confirmContent(entry, localInfo.sha256, me, localInfo.stamp);
    });
    // Asserted, because size and date of these bytes are those of the version and only their
    // content differs. A save may have made its own version of them meanwhile.
    for (const { file, version } of changed)
      onEntries(
        await reconciler.reconcilePaths([file.path], {
          why: 'scan',
          asserted: [file],
          ifVersion: { version },
        }),
      );
    if (written.length > 0) onEntries(await reconciler.reconcilePaths(written, { why: 'scan' }));
    after = unverified.at(-1)?.path;
  }
}
