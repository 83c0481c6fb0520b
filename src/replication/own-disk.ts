import { join } from 'node:path';
import { hasCode, SyncMediaError } from '../model/errors.js';
import type { FoldDisk } from '../ledger/reconcile-context.js';
import type { ScanDisk } from '../ledger/scan.js';
import { findStanding } from '../decisions/file-state.js';
import { inPlace, type Place, prepareAreas } from '../replica/areas.js';
import { cleanTmp, cleanTrash } from '../replica/clean.js';
import { dateOpen } from '../replica/descriptor.js';
import { asDiskError } from '../replica/disk-errors.js';
import type { JudgeAt } from '../transport/options.js';
import type { Judge } from '../replica/disk.js';
import { findOwnCopy } from '../replica/recoverable.js';
import { isBackAtPath, judgeLeftovers } from '../replica/replaced.js';
import { land, remove, VanishedError } from '../replica/place.js';
import { makeParents } from '../replica/parents.js';
import { localDisk } from '../replica/node-disk.js';
import { placeWhereEmpty } from '../replica/replace.js';
import type { Root } from '../replica/replica.js';
import type { ScanScope } from '../replica/scan.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import type { Entry, HostId, Path, Seen, SyncDir, Unsyncable } from '../model/words.js';

const mostExamples = 20;
/**
 * In milliseconds. Files that a crash left in `tmp` are removed when they are older than this.
 */
const tmpAge = 24 * 60 * 60_000;
/** In milliseconds. The clocks of two hosts may differ by this much. */
const skewMs = 60_000;
const trash = { olderThanMs: 30 * 24 * 60 * 60_000, maxBytes: 10 * 1024 ** 3 };

/**
 * This host's disk for reconciling and scanning. Nothing is read, placed or removed in a sync dir
 * without its marker.
 */
export class OwnDisk implements FoldDisk, ScanDisk {
  constructor(
    private readonly root: Root,
    private readonly rootPath: string,
    private readonly dirs: () => SyncDirs,
    private readonly me: HostId,
    private readonly judgeAt: JudgeAt,
    private readonly leftoverMs: number,
    private readonly onScanned: (dir: SyncDir, unsyncable: Unsyncable) => Promise<void> = () =>
      Promise.resolve(),
  ) {}

  private judge(): Judge {
    return this.judgeAt(this.me, () => undefined);
  }

  async observe(path: Path): Promise<Seen | undefined> {
    const seen = await this.root.observe(path);
    // Absence counts only if the sync dir itself exists. A directory that is not this host's must
    // reveal nothing.
    await this.checkedPlace(path);
    return seen;
  }

  async isDirectory(path: Path): Promise<boolean> {
    return (await localDisk.stat(this.root.absolute(path)))?.kind === 'directory';
  }

  hash(
    path: Path,
    options?: { keeps: boolean; only?: (seen: Seen) => boolean },
  ): Promise<(Seen & { sha256: string }) | undefined> {
    return this.root.hash(path, options);
  }

  async *scan(
    dir: SyncDir,
    signal: AbortSignal,
    scope: ScanScope = {},
  ): AsyncIterable<{ path: Path; seen: Seen }> {
    const unsyncable: Unsyncable = { count: 0, examples: [] };
    yield* this.root.scan(
      dir,
      signal,
      (path, why) => {
        unsyncable.count++;
        if (unsyncable.examples.length < mostExamples) unsyncable.examples.push({ path, why });
      },
      scope,
    );
    // A part of a sync dir says nothing about the rest.
    if (scope.changedSince === undefined) await this.onScanned(dir, unsyncable);
  }

  async findOwnCopy(entry: Entry, { late } = { late: false }): Promise<string | undefined> {
    const isCurrent = this.recognise(entry, 'current');
    const place = await this.checkedPlace(entry.path);
    if (!late) return findOwnCopy(place, entry.path, isCurrent);
    const since = entry.capturedAt.getTime() - skewMs;
    return (
      (await findOwnCopy(place, entry.path, isCurrent, { areas: ['aside'] })) ??
      findOwnCopy(place, entry.path, isCurrent, { areas: ['conflicts'], since })
    );
  }

  async findUncaptured(entry: Entry): Promise<string | undefined> {
    return findOwnCopy(
      await this.checkedPlace(entry.path),
      entry.path,
      this.recognise(entry, 'unknown'),
      { areas: ['aside'] },
    );
  }

  /**
   * Accepts bytes that have the wanted state for the entry; reads them where size and date do not
   * identify them.
   */
  private recognise(
    entry: Entry,
    wanted: 'current' | 'unknown',
  ): (seen: Seen, hash: () => Promise<string | undefined>) => Promise<boolean> {
    const onCapturingDisk = entry.capturedBy === this.me;
    return async (seen, hash) => {
      const standing = findStanding(entry, seen, { onCapturingDisk, surely: true });
      if (standing !== undefined) return standing === wanted;
      const sha256 = await hash();
      return (
        sha256 !== undefined &&
        findStanding(entry, { ...seen, sha256 }, { onCapturingDisk }) === wanted
      );
    };
  }

  async putBack(entry: Entry, uncaptured: string): Promise<void> {
    const judge = this.judgeAt(this.me, () => ({ version: entry.version, ruled: false }));
    try {
      await land(await this.checkedPlace(entry.path), entry.path, uncaptured, judge);
    } catch (error) {
      if (!(error instanceof VanishedError)) throw error;
    }
  }

  async findTaken(
    path: Path,
    since: Date,
    wanted: (seen: Seen) => boolean,
  ): Promise<string | undefined> {
    return findOwnCopy(
      await this.checkedPlace(path),
      path,
      (seen) => Promise.resolve(wanted(seen)),
      { areas: ['aside', 'trash'], since: since.getTime() },
    );
  }

  async takeBack(path: Path, taken: string): Promise<void> {
    const place = await this.checkedPlace(path);
    await makeParents(place, path);
    await placeWhereEmpty(place, taken, inPlace(place, path.slice(place.dir.length + 1)));
  }

  async restore(entry: Entry, ownCopy: string): Promise<boolean> {
    // A delivery of this version may have placed the same bytes meanwhile. They need not be put
    // back.
    const judge = this.judgeAt(this.me, () => ({ version: entry.version, ruled: false })),
      place = await this.checkedPlace(entry.path);
    try {
      return !isBackAtPath(await land(place, entry.path, ownCopy, judge));
    } catch (error) {
      // The file was resolved meanwhile and has moved.
      const moved = hasCode(error, 'TRANSFER_FAILED') ? await this.findOwnCopy(entry) : undefined;
      if (moved === undefined || moved === ownCopy) throw error;
      return !isBackAtPath(await land(place, entry.path, moved, judge));
    }
  }

  async redate({ path, facts }: Entry, seen: Seen): Promise<void> {
    const file = facts && (await this.root.open(path));
    if (!file) return;
    try {
      if (file.seen.stamp !== seen.stamp) return;
      await dateOpen(file.handle, facts.mtime);
    } catch (error) {
      throw asDiskError(error, 'dating', this.root.absolute(path));
    } finally {
      await file.handle.close();
    }
  }

  async moveToTrash(path: Path): Promise<void> {
    await remove(await this.checkedPlace(path), path, this.judge());
  }

  /** Moves a file to the conflicts that a bootstrapping host may not contribute. */
  async setAside(path: Path): Promise<void> {
    await remove(await this.checkedPlace(path), path, () => Promise.resolve('conflict'));
  }

  async judgeLeftovers(dir: SyncDir): Promise<void> {
    await this.root.requireOpenable(dir);
    const place = this.place(dir);
    await prepareAreas(place);
    await judgeLeftovers(place, this.judge(), this.leftoverMs);
    await cleanTmp(place, tmpAge);
    await cleanTrash(place, trash);
  }

  place(dir: SyncDir): Place {
    return { disk: localDisk, dirPath: join(this.rootPath, dir.path), dir: dir.path };
  }

  private async checkedPlace(path: Path): Promise<Place> {
    const dir = this.dirs().of(path);
    if (!dir)
      throw new SyncMediaError(
        'BAD_PATH',
        `${JSON.stringify(path)} lies in no sync dir of this host`,
      );
    await this.root.requireOpenable(dir);
    return this.place(dir);
  }
}
