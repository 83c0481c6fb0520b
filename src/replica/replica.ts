import { createHash } from 'node:crypto';
import { lstatSync, realpathSync, type BigIntStats } from 'node:fs';
import { hasErrorCode, SyncMediaError } from '../model/errors.js';
import type { FileInfo, LocalFileInfo } from '../model/file.js';
import type { Failure } from '../model/failure.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { SyncDir } from '../model/sync-dir.js';
import { toDiskError } from './disk-errors.js';
import type { DiskStat } from './disk.js';
import { hashOpenFile, nodeDisk, makeNotAFileError, statSynchronously } from './node-disk.js';
import { LocalDisks } from './local-disks.js';
import {
  isSmallAndRecent,
  openWithoutSymlinks,
  readSynchronously,
  readOpenFile,
  type OpenFile,
  type FileContent,
} from './open-file.js';
import { OpenableDirs } from './openable.js';
import { quotePath } from './paths.js';
import { RecentFileCache, type RecentFile } from './recent-bytes.js';
import { scanSyncDir, type OnRefusedName, type ScannedFile, type ScanScope } from './scan.js';
import { toLocalFileInfo, pickLocalFileInfo } from './file-info.js';
import type { SyncDirs } from './sync-dirs.js';

/** How often a file is read again if it is written to meanwhile. */
const MAX_READS = 3;

/** This host's replica: all access to the files at its paths. */
export class Replica {
  /** The real paths of sync dirs, as last resolved for a visitor. */
  private readonly realDirs = new Map<Path, string>();
  private readonly recentFiles = new RecentFileCache();
  private readonly localDisks: LocalDisks;
  private readonly openable: OpenableDirs;

  /**
   * @param rootPath absolute
   * @param dirs returns the sync dirs of this host as they are known now
   * @param options `me`: this host, which the markers must name; none on a machine without a host
   *   id
   */
  constructor(
    readonly rootPath: string,
    private readonly dirs: () => SyncDirs,
    {
      me = () => undefined,
      localDisks = new LocalDisks(),
    }: { me?: () => HostId | undefined; localDisks?: LocalDisks } = {},
  ) {
    this.localDisks = localDisks;
    this.openable = new OpenableDirs({
      me,
      absolute: (path) => this.absolute(path),
      dirs,
      localDisks,
    });
  }

  absolute(path: Path): string {
    return this.rootPath.endsWith('/') ? this.rootPath + path : `${this.rootPath}/${path}`;
  }

  /**
   * Returns why this host may not open a sync dir: it is not one of its own, or its marker does
   * not name this host. Throws only what the disk throws.
   */
  check({ path }: Pick<SyncDir, 'path'>): Promise<Failure | undefined> {
    return this.openable.check(path);
  }

  /** Whether its disk takes names that differ only by case as one name. Known after a check. */
  ignoresCase({ path }: Pick<SyncDir, 'path'>): boolean {
    return this.openable.ignoresCase(path);
  }

  /** @throws NO_MARKER, BAD_SYNC_DIR */
  async requireOpenable(dir: Pick<SyncDir, 'path'>): Promise<void> {
    const failure = await this.check(dir);
    if (failure)
      throw new SyncMediaError(
        failure.code === 'BAD_SYNC_DIR' ? 'BAD_SYNC_DIR' : 'NO_MARKER',
        failure.message,
      );
  }

  /**
   * Resolves the real path of a sync dir. It is never cached, since a deploy may point a symlink
   * elsewhere.
   *
   * @throws NO_MARKER if the sync dir is missing
   */
  async resolveRealDir(dir: Pick<SyncDir, 'path'>): Promise<string> {
    const real = await nodeDisk.realPath(this.absolute(dir.path));
    if (real !== undefined) return real;
    throw new SyncMediaError(
      'NO_MARKER',
      `The sync dir ${quotePath(this.absolute(dir.path))} is missing: mount it, or create it ` +
        `and run \`syncmedia init\`.`,
    );
  }

  /**
   * Observes the file at a path; undefined if nothing is there. Absence means something only in a
   * sync dir that has its marker.
   *
   * @throws NOT_A_FILE, SYMLINK_IN_PATH, PERMISSION_DENIED; BAD_PATH if the path lies in no sync
   *   dir
   */
  async observe(path: Path): Promise<LocalFileInfo | undefined> {
    const parents = this.listParentDirs(path);
    const [at] = await Promise.allSettled([nodeDisk.stat(this.absolute(path))]);
    // The kernel has just walked this path and answers from memory. A save waits for this, and
    // another thread takes longer to wake.
    for (const parent of parents)
      if (!isRealDirectory(statSynchronously(parent), parent)) return undefined;
    return requireFileInfo(unwrapSettled(at), this.absolute(path));
  }

  /**
   * Whether a file lies at the path, also outside of this host's sync dirs. False if that cannot
   * be found out.
   */
  async hasFile(path: Path): Promise<boolean> {
    return (await nodeDisk.stat(this.absolute(path)).catch(() => undefined))?.kind === 'file';
  }

  /**
   * Does the same as `observe`, in this thread: for paths that were looked at a moment ago, and
   * for a few paths on a local disk.
   */
  observeSynchronously(path: Path): LocalFileInfo | undefined {
    for (const parent of this.listParentDirs(path))
      if (!isRealDirectory(statSynchronously(parent), parent)) return undefined;
    return requireFileInfo(statSynchronously(this.absolute(path)), this.absolute(path));
  }

  /**
   * Whether the sync dir of a path is known to lie on a local disk.
   *
   * @throws BAD_PATH if the path lies in no sync dir
   */
  isOnLocalDisk(path: Path): boolean {
    return this.localDisks.isLocal(this.absolute(this.requireSyncDir(path).path));
  }

  /**
   * Returns the file info and the sha256 of the same moment; undefined if nothing is there.
   *
   * @param options `keeps`: caches the bytes of a small file, for the delivery queues; `only`: a
   *   file that it rejects is not read and counts as absent
   * @throws as open; TRANSFER_FAILED if the file is written to during every read
   */
  async hash(
    path: Path,
    { keeps = false, only }: { keeps?: boolean; only?: (info: LocalFileInfo) => boolean } = {},
  ): Promise<(LocalFileInfo & { readonly sha256: string }) | undefined> {
    const recent = keeps ? (this.findCached(path) ?? this.readRecentlyWritten(path)) : undefined;
    if (recent !== undefined && only?.(recent.info) !== false) return recent.info;
    for (let reads = 0; reads < MAX_READS; reads++) {
      const file = await this.open(path);
      if (file === undefined) return undefined;
      try {
        if (only?.(file.info) === false) return undefined;
        if (keeps && this.recentFiles.accepts(file.info.size)) {
          const read = await this.readSmallFile(path, file);
          if (read === undefined) continue;
          return read.info;
        }
        const sha256 = await hashOpenFile(file.handle);
        const after = toLocalFileInfo(await file.handle.stat({ bigint: true }));
        if (
          after.size === file.info.size &&
          after.mtime === file.info.mtime &&
          after.nanos === file.info.nanos
        )
          return { ...file.info, sha256 };
      } catch (error) {
        throw toDiskError(error, 'reading', this.absolute(path));
      } finally {
        // The file was only read, so nobody needs to wait for its closing.
        file.handle.close().catch(() => undefined);
      }
    }
    throw new SyncMediaError(
      'TRANSFER_FAILED',
      `${quotePath(path)} keeps changing while it is read; it is tried again later.`,
    );
  }

  /**
   * Reads an open small file and caches its bytes, for the delivery queues. Undefined if the file
   * was written to meanwhile.
   */
  async readSmallFile(path: Path, file: OpenFile): Promise<RecentFile | undefined> {
    const read = await readOpenFile(file);
    return read && this.cacheContent(path, read);
  }

  /**
   * Reads and caches a small file that was just written. Undefined if it is no such file, or
   * cannot be read in this thread.
   *
   * @param info known info of the file; a file that is old by it is not opened, as the kernel may
   *   have to read the disk
   */
  readRecentlyWritten(path: Path, info?: FileInfo): RecentFile | undefined {
    if ((info && !isSmallAndRecent(info)) || !this.isOnLocalDisk(path)) return undefined;
    const dir = this.requireSyncDir(path);
    if (!this.openable.isOpenNow(dir.path)) return undefined;
    const read = readSynchronously(
      this.absolute(path),
      () => realpathSync.native(this.absolute(dir.path)) + path.slice(dir.path.length),
    );
    return read && this.cacheContent(path, read);
  }

  private cacheContent(path: Path, { bytes, stats }: FileContent): RecentFile {
    const file = {
      bytes,
      info: { ...toLocalFileInfo(stats), sha256: createHash('sha256').update(bytes).digest('hex') },
    };
    this.recentFiles.add(path, file, makeCacheStamp(stats));
    return file;
  }

  /** Returns a file that was read a moment ago, if it still lies unchanged at the path. */
  findCached(path: Path): RecentFile | undefined {
    return this.recentFiles.find(path, () => {
      // The kernel answers from memory: the file was open a moment ago.
      const now = lstatSync(this.absolute(path), { bigint: true, throwIfNoEntry: false });
      return now && makeCacheStamp(now);
    });
  }

  /** Returns bytes that were read a moment ago, though another file may lie at the path by now. */
  findRecentBytes(path: Path, sha256: string): Uint8Array | undefined {
    return this.recentFiles.findBytes(path, sha256);
  }

  /**
   * Opens a file to send or serve it; undefined if nothing is there. The caller reads from the
   * handle only, and closes it.
   *
   * @throws NOT_A_FILE, SYMLINK_IN_PATH, PERMISSION_DENIED, NO_MARKER; BAD_PATH if the path lies
   *   in no sync dir
   */
  async open(path: Path): Promise<OpenFile | undefined> {
    const dir = this.requireSyncDir(path);
    return openWithoutSymlinks(
      this.absolute(path),
      async () => (await this.resolveOpenableDir(dir)) + path.slice(dir.path.length),
    );
  }

  /**
   * Does the same as `open`, for frequent requests: the real path of the sync dir is resolved
   * again only if it seems to have moved. A sync dir that is missing, or not this host's, counts
   * as absence.
   */
  async openToServe(path: Path): Promise<OpenFile | undefined> {
    const dir = this.requireSyncDir(path);
    const rest = path.slice(dir.path.length);
    return ignoreMissingMarker(
      openWithoutSymlinks(this.absolute(path), (tried) => {
        const known =
          tried === 0 && this.openable.isOpenNow(dir.path)
            ? this.realDirs.get(dir.path)
            : undefined;
        return known === undefined
          ? this.resolveOpenableDir(dir).then((real) => {
              this.realDirs.set(dir.path, real);
              return real + rest;
            })
          : known + rest;
      }),
    );
  }

  /**
   * Walks a sync dir and yields every regular file that its rules let through, in no order and
   * with bounded memory. Skips symlinks, special files and nested sync dirs.
   *
   * @param onRefused called for names that are not valid UTF-8 and for unreadable directories
   * @param scope which part to walk; default all
   * @throws NO_MARKER if the marker is missing before or after; CANCELLED if `signal` aborts;
   *   what the disk throws
   */
  async *scan(
    dir: SyncDir,
    signal: AbortSignal,
    onRefused: OnRefusedName = () => undefined,
    scope: ScanScope = {},
  ): AsyncIterable<ScannedFile> {
    await this.requireOpenable(dir);
    const isSyncDir = (path: string): boolean => this.dirs().byPath(path) !== undefined;
    yield* scanSyncDir(
      { ...scope, dir, dirPath: this.absolute(dir.path), isSyncDir },
      signal,
      onRefused,
    );
  }

  /** Resolves the real path of a sync dir that this host may open. @throws NO_MARKER */
  private async resolveOpenableDir(dir: SyncDir): Promise<string> {
    const real = await this.resolveRealDir(dir);
    await this.requireOpenable(dir);
    return real;
  }

  /**
   * Lists the directories between the sync dir and the file.
   *
   * @throws BAD_PATH if it lies in no sync dir
   */
  private listParentDirs(path: Path): string[] {
    const dir = this.requireSyncDir(path),
      parents: string[] = [];
    for (
      let slash = path.indexOf('/', dir.path.length + 1);
      slash !== -1;
      slash = path.indexOf('/', slash + 1)
    )
      parents.push(this.absolute(path.slice(0, slash) as Path));
    return parents;
  }

  private requireSyncDir(path: Path): SyncDir {
    const dir = this.dirs().findFor(path);
    if (dir === undefined)
      throw new SyncMediaError('BAD_PATH', `${quotePath(path)} lies in no sync dir.`);
    return dir;
  }
}

async function ignoreMissingMarker<T>(opening: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (hasErrorCode(error, 'NO_MARKER')) return undefined;
    throw error;
  }
}

/** Programs can set dates back, but not the change time. */
function makeCacheStamp({ dev, ino, ctimeNs, size }: BigIntStats): string {
  return [dev, ino, ctimeNs, size].join(' ');
}

/** Whether a directory exists. @throws SYMLINK_IN_PATH */
function isRealDirectory(found: DiskStat | undefined, parent: string): boolean {
  if (found?.kind === 'symlink')
    throw new SyncMediaError(
      'SYMLINK_IN_PATH',
      `${quotePath(parent)} is a symlink: below a sync dir only real directories are followed.`,
    );
  return found?.kind === 'directory';
}

function requireFileInfo(found: DiskStat | undefined, absolute: string): LocalFileInfo | undefined {
  if (found === undefined) return undefined;
  if (found.kind !== 'file') throw makeNotAFileError(absolute);
  return pickLocalFileInfo(found);
}

function unwrapSettled<T>(settled: PromiseSettledResult<T> | undefined): T | undefined {
  if (settled?.status === 'rejected') throw settled.reason;
  return settled?.value;
}
