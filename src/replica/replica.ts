import { createHash } from 'node:crypto';
import { lstatSync, realpathSync, type BigIntStats } from 'node:fs';
import { hasCode, SyncMediaError } from '../model/errors.js';
import type { Facts, Failure, HostId, Path, Seen, SyncDir } from '../model/words.js';
import { asDiskError } from './disk-errors.js';
import type { DiskStat } from './disk.js';
import { hashFrom, localDisk, notAFile, statAgain } from './node-disk.js';
import { NearDisks } from './local-disks.js';
import {
  isFresh,
  openExactly,
  readAtOnce,
  readWhole,
  type OpenFile,
  type ReadFile,
} from './open-file.js';
import { Openable } from './openable.js';
import { quotePath } from './paths.js';
import { RecentBytes, type RecentFile } from './recent-bytes.js';
import { scanDir, type OnRefused, type Scanned, type ScanScope } from './scan.js';
import { seenFrom, seenIn } from './file-info.js';
import type { SyncDirs } from './sync-dirs.js';

/** How often a file is read again if it is written to meanwhile. */
const MAX_READS = 3;

/** This host's replica: all access to the files at its paths. */
export class Root {
  /** The real paths of sync dirs, as last resolved for a visitor. */
  private readonly realDirs = new Map<Path, string>();
  private readonly recent = new RecentBytes();
  private readonly nearDisks: NearDisks;
  private readonly openable: Openable;

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
      nearDisks = new NearDisks(),
    }: { me?: () => HostId | undefined; nearDisks?: NearDisks } = {},
  ) {
    this.nearDisks = nearDisks;
    this.openable = new Openable({ me, absolute: (path) => this.absolute(path), dirs, nearDisks });
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
  async realDir(dir: SyncDir): Promise<string> {
    const real = await localDisk.realPath(this.absolute(dir.path));
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
  async observe(path: Path): Promise<Seen | undefined> {
    const ways = this.waysTo(path);
    const [at] = await Promise.allSettled([localDisk.stat(this.absolute(path))]);
    // The kernel has just walked this path and answers from memory. A save waits for this, and
    // another thread takes longer to wake.
    for (const way of ways) if (!isDirectory(statAgain(way), way)) return undefined;
    return asFile(valueOf(at), this.absolute(path));
  }

  /**
   * Whether a file lies at the path, also outside of this host's sync dirs. False if that cannot
   * be found out.
   */
  async hasFile(path: Path): Promise<boolean> {
    return (await localDisk.stat(this.absolute(path)).catch(() => undefined))?.kind === 'file';
  }

  /**
   * Does the same as `observe`, in this thread: for paths that were looked at a moment ago, and
   * for a few paths on a local disk.
   */
  observeNow(path: Path): Seen | undefined {
    for (const way of this.waysTo(path)) if (!isDirectory(statAgain(way), way)) return undefined;
    return asFile(statAgain(this.absolute(path)), this.absolute(path));
  }

  /**
   * Whether the sync dir of a path is known to lie on a local disk.
   *
   * @throws BAD_PATH if the path lies in no sync dir
   */
  isNear(path: Path): boolean {
    return this.nearDisks.has(this.absolute(this.dirOf(path).path));
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
    { keeps = false, only }: { keeps?: boolean; only?: (seen: Seen) => boolean } = {},
  ): Promise<(Seen & { readonly sha256: string }) | undefined> {
    const recent = keeps ? (this.findRecent(path) ?? this.readFresh(path)) : undefined;
    if (recent !== undefined && only?.(recent.seen) !== false) return recent.seen;
    for (let reads = 0; reads < MAX_READS; reads++) {
      const file = await this.open(path);
      if (file === undefined) return undefined;
      try {
        if (only?.(file.seen) === false) return undefined;
        if (keeps && this.recent.takes(file.seen.size)) {
          const read = await this.readSmall(path, file);
          if (read === undefined) continue;
          return read.seen;
        }
        const sha256 = await hashFrom(file.handle);
        const after = seenFrom(await file.handle.stat({ bigint: true }));
        if (
          after.size === file.seen.size &&
          after.mtime === file.seen.mtime &&
          after.nanos === file.seen.nanos
        )
          return { ...file.seen, sha256 };
      } catch (error) {
        throw asDiskError(error, 'reading', this.absolute(path));
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
  async readSmall(path: Path, file: OpenFile): Promise<RecentFile | undefined> {
    const read = await readWhole(file);
    return read && this.keep(path, read);
  }

  /**
   * Reads and caches a small file that was just written. Undefined if it is no such file, or
   * cannot be read in this thread.
   *
   * @param info known info of the file; a file that is old by it is not opened, as the kernel may
   *   have to read the disk
   */
  readFresh(path: Path, facts?: Facts): RecentFile | undefined {
    if ((facts && !isFresh(facts)) || !this.isNear(path)) return undefined;
    const dir = this.dirOf(path);
    if (!this.openable.isOpenNow(dir.path)) return undefined;
    const read = readAtOnce(
      this.absolute(path),
      () => realpathSync.native(this.absolute(dir.path)) + path.slice(dir.path.length),
    );
    return read && this.keep(path, read);
  }

  private keep(path: Path, { bytes, stats }: ReadFile): RecentFile {
    const file = {
      bytes,
      seen: { ...seenFrom(stats), sha256: createHash('sha256').update(bytes).digest('hex') },
    };
    this.recent.keep(path, file, stampOf(stats));
    return file;
  }

  /** Returns a file that was read a moment ago, if it still lies unchanged at the path. */
  findRecent(path: Path): RecentFile | undefined {
    return this.recent.find(path, () => {
      // The kernel answers from memory: the file was open a moment ago.
      const now = lstatSync(this.absolute(path), { bigint: true, throwIfNoEntry: false });
      return now && stampOf(now);
    });
  }

  /**
   * Opens a file to send or serve it; undefined if nothing is there. The caller reads from the
   * handle only, and closes it.
   *
   * @throws NOT_A_FILE, SYMLINK_IN_PATH, PERMISSION_DENIED, NO_MARKER; BAD_PATH if the path lies
   *   in no sync dir
   */
  async open(path: Path): Promise<OpenFile | undefined> {
    const dir = this.dirOf(path);
    return openExactly(
      this.absolute(path),
      async () => (await this.openableDir(dir)) + path.slice(dir.path.length),
    );
  }

  /**
   * Does the same as `open`, for frequent requests: the real path of the sync dir is resolved
   * again only if it seems to have moved. A sync dir that is missing, or not this host's, counts
   * as absence.
   */
  async openToServe(path: Path): Promise<OpenFile | undefined> {
    const dir = this.dirOf(path);
    const rest = path.slice(dir.path.length);
    return absentWithoutMarker(
      openExactly(this.absolute(path), (tried) => {
        const known =
          tried === 0 && this.openable.isOpenNow(dir.path)
            ? this.realDirs.get(dir.path)
            : undefined;
        return known === undefined
          ? this.openableDir(dir).then((real) => {
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
    onRefused: OnRefused = () => undefined,
    scope: ScanScope = {},
  ): AsyncIterable<Scanned> {
    await this.requireOpenable(dir);
    const isSyncDir = (path: string): boolean => this.dirs().byPath(path) !== undefined;
    yield* scanDir(
      { ...scope, dir, dirPath: this.absolute(dir.path), isSyncDir },
      signal,
      onRefused,
    );
  }

  /** Resolves the real path of a sync dir that this host may open. @throws NO_MARKER */
  private async openableDir(dir: SyncDir): Promise<string> {
    const real = await this.realDir(dir);
    await this.requireOpenable(dir);
    return real;
  }

  /**
   * Lists the directories between the sync dir and the file.
   *
   * @throws BAD_PATH if it lies in no sync dir
   */
  private waysTo(path: Path): string[] {
    const dir = this.dirOf(path),
      ways: string[] = [];
    for (
      let slash = path.indexOf('/', dir.path.length + 1);
      slash !== -1;
      slash = path.indexOf('/', slash + 1)
    )
      ways.push(this.absolute(path.slice(0, slash) as Path));
    return ways;
  }

  private dirOf(path: Path): SyncDir {
    const dir = this.dirs().of(path);
    if (dir === undefined)
      throw new SyncMediaError('BAD_PATH', `${quotePath(path)} lies in no sync dir.`);
    return dir;
  }
}

async function absentWithoutMarker<T>(opening: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (hasCode(error, 'NO_MARKER')) return undefined;
    throw error;
  }
}

/** Programs can set dates back, but not the change time. */
function stampOf({ dev, ino, ctimeNs, size }: BigIntStats): string {
  return [dev, ino, ctimeNs, size].join(' ');
}

/** Whether a directory exists. @throws SYMLINK_IN_PATH */
function isDirectory(found: DiskStat | undefined, way: string): boolean {
  if (found?.kind === 'symlink')
    throw new SyncMediaError(
      'SYMLINK_IN_PATH',
      `${quotePath(way)} is a symlink: below a sync dir only real directories are followed.`,
    );
  return found?.kind === 'directory';
}

function asFile(found: DiskStat | undefined, absolute: string): Seen | undefined {
  if (found === undefined) return undefined;
  if (found.kind !== 'file') throw notAFile(absolute);
  return seenIn(found);
}

function valueOf<T>(settled: PromiseSettledResult<T> | undefined): T | undefined {
  if (settled?.status === 'rejected') throw settled.reason;
  return settled?.value;
}
