import { randomUUID } from 'node:crypto';
import { hasErrorCode } from '../model/errors.js';
import type { LeaderContext } from '../context/leader-context.js';
import { makeRevivedEntry, makeTombstoneEntry } from '../decisions/entries.js';
import { mayStillDelete, reconcileUnreferenced } from '../decisions/reconcile.js';
import { areRemovalsSuspicious, computeEnoughFiles, removalLimits } from '../decisions/removals.js';
import type { Entry } from '../model/entry.js';
import type { Failure } from '../model/failure.js';
import type { Path } from '../model/path.js';
import type { SyncDir } from '../model/sync-dir.js';

/**
 * The result for the candidates: written entries, and paths to check again. `halted`: a person
 * has to decide first.
 */
export interface CandidatesResult {
  readonly entries: Entry[];
  readonly retry: Path[];
  readonly halted: boolean;
}

/** The decision about some files, and the entries that followed from it. */
interface Removal {
  readonly decision: 'go' | 'wait' | 'drop';
  readonly tombstones: Entry[];
  readonly outrun: Path[];
}

/**
 * Propagates deletes. An operation stopped naming these files, in sync dirs where deletes
 * propagate. A file becomes a tombstone once it is gone from this disk and no document names it.
 * Too many at once wait for a person.
 */
export class Deletes {
  /** The last decision about removals, which the next one awaits. Never rejects. */
  private deciding: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly context: Pick<
      LeaderContext,
      | 'recording'
      | 'ledger'
      | 'disk'
      | 'me'
      | 'events'
      | 'tuning'
      | 'registry'
      | 'reconciler'
      | 'findSyncDir'
      | 'listReceivers'
      | 'searchNamedPaths'
    >,
  ) {}

  /** @param since when these paths became candidates */
  async processCandidates(candidates: readonly Path[], since: Date): Promise<CandidatesResult> {
    const ageMs = Date.now() - since.getTime();
    const { ledger } = this.context;
    const removed: Entry[] = [],
      retry: Path[] = [],
      recorded: Entry[] = [];
    let halted = false;
    // Read before the disk: a version that is captured meanwhile is not the file that is gone,
    // and the fence protects it.
    const known = await ledger.readMany(candidates);
    for (const path of candidates) {
      const dir = this.context.findSyncDir(path),
        entry = known.get(path);
      if (dir?.onDelete !== 'propagate') continue;
      const isOnDisk = await this.isOnDisk(path),
        answer = reconcileUnreferenced({ entry, isHere: isOnDisk, me: this.context.me });
      if (answer === 'check' && entry) recorded.push(entry);
      if (
        (answer === 'look-again' || (answer === 'check' && isOnDisk)) &&
        ageMs < this.context.tuning.candidateMs
      )
        retry.push(path);
      if (answer !== 'tombstone' || !entry) continue;
      if (this.isHalted(dir.path)) {
        // The documents are searched only after a person has decided.
        halted = true;
        retry.push(path);
      } else removed.push(entry);
    }
    const { unnamed: files, back: restored, undetermined } = await this.findUnnamed(removed);
    if (ageMs < this.context.tuning.candidateMs) retry.push(...restored, ...undetermined.keys());
    else this.reportUndetermined(undetermined);
    for (const [dir, unnamed] of this.groupByDir(files)) {
      const { decision, tombstones, outrun } = await this.removeInTurn(dir, unnamed, since);
      if (decision === 'wait') {
        halted = true;
        retry.push(...unnamed.map(({ path }) => path));
      }
      recorded.push(...tombstones);
      if (ageMs < this.context.tuning.candidateMs) retry.push(...outrun);
    }
    const entries = await this.reviveNamed(recorded);
    if (entries.length > 0)
      this.context.events.emit('recorded', { paths: entries.map(({ path }) => path) });
    return { entries, retry, halted };
  }

  /**
   * Finds files that no document names. Leaves out those that exist again by then, because the
   * app may have restored one and saved a document.
   */
  private async findUnnamed(
    removed: readonly Entry[],
  ): Promise<{ unnamed: Entry[]; back: Path[]; undetermined: ReadonlyMap<Path, string> }> {
    const unnamed: Entry[] = [],
      restored: Path[] = [];
    if (removed.length === 0) return { unnamed, back: restored, undetermined: new Map() };
    const { named, undetermined } = await this.context.searchNamedPaths(
      removed.map(({ path }) => path),
    );
    for (const entry of removed) {
      const { path } = entry;
      if (named.has(path) || undetermined.has(path)) continue;
      if (await this.isOnDisk(path)) restored.push(path);
      else unnamed.push(entry);
    }
    return { unnamed, back: restored, undetermined };
  }

  /** Whether removals of a sync dir wait for a person. */
  private isHalted(dir: Path): boolean {
    return dir in this.context.registry.me().halted;
  }

  private groupByDir(files: readonly Entry[]): Map<SyncDir, Entry[]> {
    const byDir = new Map<SyncDir, Entry[]>();
    for (const file of files) {
      const dir = this.context.findSyncDir(file.path);
      if (dir) byDir.set(dir, [...(byDir.get(dir) ?? []), file]);
    }
    return byDir;
  }

  private reportUndetermined(undetermined: ReadonlyMap<Path, string>): void {
    const [first] = undetermined;
    if (!first) return;
    const others = undetermined.size > 1 ? ` and ${undetermined.size - 1} other files` : '';
    this.context.events.emit('failed', {
      doing:
        `deleting ${JSON.stringify(first[0])}${others}: they stay on the other hosts, as a ` +
        `document may name them`,
      error: first[1],
    });
  }

  private async isOnDisk(path: Path): Promise<boolean> {
    try {
      return (await this.context.disk.observe(path)) !== undefined;
    } catch (error) {
      // The application created a directory in its place, so the file is gone. Anything else at
      // the path is left alone.
      if (hasErrorCode(error, 'NOT_A_FILE')) return !(await this.context.disk.isDirectory(path));
      if (hasErrorCode(error, 'SYMLINK_IN_PATH')) return true;
      throw error;
    }
  }

  /**
   * Decides and writes tombstones, one call after the other: each counts the tombstones of those
   * before it, also if an application deletes its documents one by one.
   */
  private async removeInTurn(dir: SyncDir, files: readonly Entry[], since: Date): Promise<Removal> {
    const remove = async (): Promise<Removal> => {
      const decision = await this.decideRemovals(dir, files.length, since);
      const written = decision === 'go' ? await this.writeTombstones(files) : undefined;
      return { decision, tombstones: [], outrun: [], ...written };
    };
    const turn = this.deciding.then(remove);
    this.deciding = turn.catch(() => undefined);
    return turn;
  }

  private async decideRemovals(
    dir: SyncDir,
    wanted: number,
    since: Date,
  ): Promise<'go' | 'wait' | 'drop'> {
    const { ledger } = this.context;
    if (this.isHalted(dir.path)) return 'wait';
    const decision = this.context.registry.me().removals?.[dir.path];
    if (decision && since <= decision.at) return decision.decision === 'approved' ? 'go' : 'drop';
    const window = Date.now() - removalLimits.windowMs;
    // An approved removal does not make the next one suspicious.
    const isApproved = decision?.decision === 'approved' && decision.at.getTime() > window;
    const lately = isApproved
      ? 0
      : await ledger.count({ below: dir.path, kind: 'tombstone', since: new Date(window) });
    const enough = computeEnoughFiles(wanted + lately);
    const files = await ledger.count({ below: dir.path, kind: 'file' }, enough);
    if (!areRemovalsSuspicious({ wanted, lately, files })) return 'go';
    const namedAgain = lately === 0 ? 0 : await this.countUndone(dir, new Date(window));
    if (!areRemovalsSuspicious({ wanted, lately: lately - namedAgain, files: files + namedAgain }))
      return 'go';
    const message =
      `${wanted} of ${files} files of ${dir.path} are to be removed on every host: ` +
      `"syncmedia removals approve ${dir.path}" if that is meant, else "syncmedia removals ` +
      `reject ${dir.path}"`;
    const failure: Failure = { code: 'REMOVALS_HALTED', message, retryable: false, scope: 'host' };
    await this.context.registry.recordHalt(dir.path, failure);
    this.context.events.emit('halted', { dir: dir.path, failure });
    return 'wait';
  }

  /**
   * Counts removals that the app has undone and no reconciliation has noticed yet, such as a
   * directory that was renamed away and back. Files that another host removed and this one still
   * has do not count.
   */
  private async countUndone(dir: SyncDir, since: Date): Promise<number> {
    let namedAgain = 0;
    for await (const { path } of this.context.ledger.streamBelow(dir.path, {
      heldBy: this.context.me,
      kind: 'tombstone',
      since,
    })) {
      if (await this.isOnDisk(path)) namedAgain++;
    }
    return namedAgain;
  }

  /**
   * Writes tombstones. A newer version that was captured meanwhile wins, and its path gets no
   * tombstone. `outrun`: paths whose newer version is this host's own.
   */
  private async writeTombstones(
    files: readonly Entry[],
  ): Promise<{ tombstones: Entry[]; outrun: Path[] }> {
    const { ledger, me } = this.context;
    const tombstones: Entry[] = [],
      outrun: Path[] = [];
    for (const before of files) {
      const receivers = this.context.listReceivers(before.path);
      if (!receivers) continue;
      const tombstone = makeTombstoneEntry(before, {
        path: before.path,
        version: randomUUID(),
        me,
        wantedBy: receivers,
        now: new Date(),
        recording: this.context.recording,
      });
      if (await ledger.replace(before.version, tombstone)) tombstones.push(tombstone);
      else if (mayStillDelete(await ledger.read(before.path), me)) outrun.push(before.path);
    }
    return { tombstones, outrun };
  }

  /**
   * Searches the documents once more after the tombstones were written. A document may have come
   * to name a file in between, and reconciling its save may not have seen the tombstone. A file
   * that exists by then is what the document means. If there is none, the last version becomes
   * current again and every host searches for its bytes. Returns the remaining tombstones and the
   * new versions.
   */
  private async reviveNamed(tombstones: readonly Entry[]): Promise<Entry[]> {
    if (tombstones.length === 0) return [];
    const { ledger, me } = this.context;
    const { named } = await this.context.searchNamedPaths(tombstones.map(({ path }) => path));
    const namedAgain = tombstones.filter(({ path }) => named.has(path)),
      restored: Path[] = [];
    for (const { path } of namedAgain) if (await this.isOnDisk(path)) restored.push(path);
    const versions =
      restored.length > 0
        ? await this.context.reconciler.reconcilePaths(restored, { why: 'named' })
        : [];
    const isVersion = new Set(versions.map(({ path }) => path));
    for (const tombstone of namedAgain.filter(({ path }) => !isVersion.has(path))) {
      const { path } = tombstone,
        others = this.context.listReceivers(path);
      const revived =
        others &&
        makeRevivedEntry(tombstone, {
          path,
          version: randomUUID(),
          me,
          wantedBy: others,
          now: new Date(),
          recording: this.context.recording,
        });
      if (revived) await ledger.replace(tombstone.version, revived);
    }
    return [...tombstones.filter(({ path }) => !named.has(path)), ...versions];
  }
}
