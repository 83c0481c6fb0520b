import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode, SyncMediaError } from '../model/errors.js';
import type { ReconcileDisk } from '../ledger/reconcile-context.js';
import type { ScanDisk } from '../ledger/scan.js';
import { findFileState, haveSameSizeAndTime } from '../decisions/file-state.js';
import { resolveInDir, type SyncDirLocation, prepareAreas } from '../replica/areas.js';
import { cleanTmp, cleanTrash } from '../replica/clean.js';
import { dateOpen } from '../replica/descriptor.js';
import { toDiskError } from '../replica/disk-errors.js';
import type { CreateResolver } from '../transport/options.js';
import type { ReplacedFileResolver } from '../replica/disk.js';
import { findKeptFile, requireContents, type ShownContents } from '../replica/kept-file.js';
import { findCopyOf, findRecoverableCopy } from '../replica/recoverable.js';
import { isBackAtPath, resolveLeftovers } from '../replica/replaced.js';
import { placeFile, removeFile, VanishedError } from '../replica/place.js';
import { makeParentDirs } from '../replica/parents.js';
import { hashOpenFile, nodeDisk } from '../replica/node-disk.js';
import { openWithoutSymlinks } from '../replica/open-file.js';
import { placeVersion, type RestoredVersion } from '../replica/place-version.js';
import { placeIfAbsent } from '../replica/replace.js';
import type { Replica } from '../replica/replica.js';
import type { ScanScope } from '../replica/scan.js';
import { TmpFolders } from '../replica/tmp-folders.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import { CLOCK_SKEW_MS, DAY_MS } from '../model/clock.js';
import type { Entry } from '../model/entry.js';
import type { HostId, UnsyncableNames } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { FileInfo, LocalFileInfo } from '../model/file.js';
import type { SyncDir } from '../model/sync-dir.js';

const maxExamples = 20;
/**
 * In milliseconds. Files that a crash left in `tmp` are removed when they are older than this.
 */
const tmpAgeMs = DAY_MS;
const trashLimits = { olderThanMs: 30 * DAY_MS, maxBytes: 10 * 1024 ** 3 };

/**
 * This host's disk for reconciling and scanning. Nothing is read, placed or removed in a sync dir
 * without its marker.
 */
export class OwnDisk implements ReconcileDisk, ScanDisk {
  private readonly tmpFolders = new TmpFolders();

  constructor(
    private readonly replica: Replica,
    private readonly rootPath: string,
    private readonly dirs: () => SyncDirs,
    private readonly me: HostId,
    private readonly createResolver: CreateResolver,
    private readonly leftoverMs: number,
    private readonly onScanned: (dir: SyncDir, unsyncable: UnsyncableNames) => Promise<void> = () =>
      Promise.resolve(),
  ) {}

  private makeResolver(): ReplacedFileResolver {
    return this.createResolver(this.me, () => undefined);
  }

  async observe(path: Path): Promise<LocalFileInfo | undefined> {
    const localInfo = await this.replica.observe(path);
    // Absence counts only if the sync dir itself exists. A directory that is not this host's must
    // reveal nothing.
    await this.requireLocation(path);
    return localInfo;
  }

  async isDirectory(path: Path): Promise<boolean> {
    return (await nodeDisk.stat(this.replica.absolute(path)))?.kind === 'directory';
  }

  hash(
    path: Path,
    options?: { keeps: boolean; only?: (localInfo: LocalFileInfo) => boolean },
  ): Promise<(LocalFileInfo & { sha256: string }) | undefined> {
    return this.replica.hash(path, options);
  }

  async *scan(
    dir: SyncDir,
    signal: AbortSignal,
    scope: ScanScope = {},
  ): AsyncIterable<{ path: Path; info: LocalFileInfo }> {
    const unsyncable: UnsyncableNames = { count: 0, examples: [] };
    yield* this.replica.scan(
      dir,
      signal,
      (path, why) => {
        unsyncable.count++;
        if (unsyncable.examples.length < maxExamples) unsyncable.examples.push({ path, why });
      },
      scope,
    );
    // A part of a sync dir says nothing about the rest.
    if (scope.changedSince === undefined) await this.onScanned(dir, unsyncable);
  }

  async findOwnCopy(entry: Entry, { late } = { late: false }): Promise<string | undefined> {
    const isCurrent = this.makeRecogniser(entry, 'current');
    const location = await this.requireLocation(entry.path);
    if (!late) return findRecoverableCopy(location, entry.path, isCurrent);
    const since = entry.capturedAt.getTime() - CLOCK_SKEW_MS;
    return (
      (await findRecoverableCopy(location, entry.path, isCurrent, { areas: ['replaced'] })) ??
      findRecoverableCopy(location, entry.path, isCurrent, { areas: ['conflicts'], since })
    );
  }

  async findUncaptured(entry: Entry): Promise<string | undefined> {
    return findRecoverableCopy(
      await this.requireLocation(entry.path),
      entry.path,
      this.makeRecogniser(entry, 'unknown'),
      { areas: ['replaced'] },
    );
  }

  /**
   * Accepts bytes that have the wanted state for the entry; reads them where size and date do not
   * identify them.
   */
  private makeRecogniser(
    entry: Entry,
    wanted: 'current' | 'unknown',
  ): (localInfo: LocalFileInfo, hash: () => Promise<string | undefined>) => Promise<boolean> {
    const onCapturingDisk = entry.capturedBy === this.me;
    return async (localInfo, hash) => {
      const state = findFileState(entry, localInfo, { onCapturingDisk, surely: true });
      if (state !== undefined) return state === wanted;
      const sha256 = await hash();
      return (
        sha256 !== undefined &&
        findFileState(entry, { ...localInfo, sha256 }, { onCapturingDisk }) === wanted
      );
    };
  }

  async putBackUncaptured(entry: Entry, uncaptured: string): Promise<void> {
    const resolver = this.createResolver(this.me, () => ({ version: entry.version, ruled: false }));
    try {
      await placeFile(await this.requireLocation(entry.path), entry.path, uncaptured, resolver);
    } catch (error) {
      if (!(error instanceof VanishedError)) throw error;
    }
  }

  async findRemoved(
    path: Path,
    since: Date,
    wanted: (localInfo: LocalFileInfo) => boolean,
  ): Promise<string | undefined> {
    return findRecoverableCopy(
      await this.requireLocation(path),
      path,
      (localInfo) => Promise.resolve(wanted(localInfo)),
      { areas: ['replaced', 'trash'], since: since.getTime() },
    );
  }

  async putBackRemoved(path: Path, removed: string): Promise<void> {
    const location = await this.requireLocation(path);
    await makeParentDirs(location, path);
    await placeIfAbsent(
      location,
      removed,
      resolveInDir(location, path.slice(location.dir.length + 1)),
    );
  }

  async restoreOwnCopy(entry: Entry, ownCopy: string): Promise<boolean> {
    // A delivery of this version may have placed the same bytes meanwhile. They need not be put
    // back.
    const resolver = this.createResolver(this.me, () => ({ version: entry.version, ruled: false })),
      location = await this.requireLocation(entry.path);
    try {
      return !isBackAtPath(await placeFile(location, entry.path, ownCopy, resolver));
    } catch (error) {
      // The file was resolved meanwhile and has moved.
      const movedCopy = hasErrorCode(error, 'TRANSFER_FAILED')
        ? await this.findOwnCopy(entry)
        : undefined;
      if (movedCopy === undefined || movedCopy === ownCopy) throw error;
      return !isBackAtPath(await placeFile(location, entry.path, movedCopy, resolver));
    }
  }

  async redate({ path, info }: Entry, localInfo: LocalFileInfo): Promise<void> {
    const file = info && (await this.replica.open(path));
    if (!file) return;
    try {
      if (file.info.stamp !== localInfo.stamp) return;
      await dateOpen(file.handle, info.mtime);
    } catch (error) {
      throw toDiskError(error, 'dating', this.replica.absolute(path));
    } finally {
      await file.handle.close();
    }
  }

  async moveToTrash(path: Path): Promise<void> {
    await removeFile(await this.requireLocation(path), path, this.makeResolver());
  }

  async restoreKept(dir: SyncDir, keptAs: string, shown: ShownContents): Promise<Path> {
    await this.replica.requireOpenable(dir);
    const kept = await findKeptFile(this.locateDir(dir), ['trash', 'conflicts'], keptAs);
    await requireContents(kept, shown);
    await makeParentDirs(kept.location, kept.path);
    // The file at the path loses, whatever the ledger says of it, and goes to the trash.
    const resolver = this.createResolver(this.me, () => ({ version: '', ruled: true }));
    await placeFile(kept.location, kept.path, kept.file, resolver);
    return kept.path;
  }

  async findCopy(path: Path, info: FileInfo): Promise<string | undefined> {
    return findCopyOf(await this.requireLocation(path), path, info);
  }

  async openCopy(path: Path, info: FileInfo, signal: AbortSignal): Promise<FileHandle | undefined> {
    const location = await this.requireLocation(path);
    const isWanted = async (
      found: LocalFileInfo,
      hash: () => Promise<string | undefined>,
    ): Promise<boolean> =>
      info.sha256 === undefined
        ? haveSameSizeAndTime(found, info)
        : found.size === info.size && (await hash()) === info.sha256;
    const file = await findRecoverableCopy(location, path, isWanted);
    if (file !== undefined) {
      const real = await this.replica.resolveRealDir({ path: location.dir });
      const rest = file.slice(location.dirPath.length);
      return (await openWithoutSymlinks(file, () => real + rest))?.handle;
    }
    const opened = await this.replica.open(path);
    if (!opened) return undefined;
    const { handle } = opened;
    let isFound = false;
    try {
      isFound = await isWanted(opened.info, () => hashOpenFile(handle, signal));
      return isFound ? handle : undefined;
    } catch (error) {
      signal.throwIfAborted();
      throw toDiskError(error, 'reading', this.replica.absolute(path));
    } finally {
      if (!isFound) await handle.close();
    }
  }

  async placeVersion(restored: RestoredVersion, fileMode: number): Promise<void> {
    // The file that the restore found loses, whatever the ledger says of it.
    const resolver = this.createResolver(this.me, () => ({ version: '', ruled: true }));
    const { tmpFolders } = this;
    const location = await this.requireLocation(restored.path);
    await placeVersion(location, restored, { fileMode, tmpFolders, resolver });
  }

  async withdraw(path: Path, placed: LocalFileInfo): Promise<void> {
    await removeFile(await this.requireLocation(path), path, (_, removed) => {
      const isPlaced = haveSameSizeAndTime(removed, placed) && removed.nanos === placed.nanos;
      return Promise.resolve(isPlaced ? 'trash' : 'put-back-if-absent');
    });
  }

  /** Moves a file to the conflicts that a bootstrapping host may not contribute. */
  async moveToConflicts(path: Path): Promise<void> {
    await removeFile(await this.requireLocation(path), path, () => Promise.resolve('conflict'));
  }

  async resolveLeftovers(dir: SyncDir): Promise<void> {
    await this.replica.requireOpenable(dir);
    const location = this.locateDir(dir);
    await prepareAreas(location);
    await resolveLeftovers(location, this.makeResolver(), this.leftoverMs);
    await cleanTmp(location, tmpAgeMs);
    await cleanTrash(location, trashLimits);
  }

  locateDir(dir: SyncDir): SyncDirLocation {
    return { disk: nodeDisk, dirPath: join(this.rootPath, dir.path), dir: dir.path };
  }

  private async requireLocation(path: Path): Promise<SyncDirLocation> {
    const dir = this.dirs().findFor(path);
    if (!dir)
      throw new SyncMediaError(
        'BAD_PATH',
        `${JSON.stringify(path)} lies in no sync dir of this host`,
      );
    await this.replica.requireOpenable(dir);
    return this.locateDir(dir);
  }
}
