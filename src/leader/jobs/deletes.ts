import { randomUUID } from 'node:crypto';
import { hasCode } from '../../model/errors.js';
import type { EventBus } from '../../model/events.js';
import type { FoldDisk } from '../../ledger/reconcile-context.js';
import type { Ledger } from '../../ledger/ledger.js';
import { makeRevived, makeTombstone } from '../../decisions/entries.js';
import { mayStillBury, reconcileLeft } from '../../decisions/reconcile.js';
import { isSuspicious, removalLimits } from '../../decisions/removals.js';
import type {
  Entry,
  Failure,
  HostId,
  Named,
  Path,
  RemovalDecision,
  SyncDir,
} from '../../model/words.js';

export interface DeletingContext {
  readonly ledger: Ledger;
  readonly disk: Pick<FoldDisk, 'observe'> & { isDirectory(path: Path): Promise<boolean> };
  readonly me: HostId;
  readonly events: EventBus;
  /** How long a candidate whose file still exists here is checked again. In milliseconds. */
  readonly candidateMs: number;
  dirOf(path: Path): SyncDir | undefined;
  wantedBy(path: Path): HostId[] | undefined;
  /** Reconciles paths that documents name, as after a save. Returns the written entries. */
  fold(paths: readonly Path[]): Promise<readonly Entry[]>;
  /**
   * Finds which of these paths a document still names, and for which this process cannot tell.
   */
  findNamed(paths: readonly Path[]): Promise<Named>;
  /** Whether removals of a sync dir wait for a person. */
  isHalted(dir: Path): boolean;
  /** The latest decision of a person about removals of a sync dir. */
  decided(dir: Path): RemovalDecision | undefined;
  halt(dir: Path, failure: Failure): Promise<void>;
}

/**
 * The result for the candidates: written entries, and paths to check again. `halted`: a person
 * has to decide first.
 */
export interface Looked {
  readonly entries: Entry[];
  readonly again: Path[];
  readonly halted: boolean;
}

/**
 * Propagates deletes. An operation stopped naming these files, in sync dirs where deletes
 * propagate. A file becomes a tombstone once it is gone from this disk and no document names it.
 * Too many at once wait for a person.
 */
export class Deleting {
  constructor(private readonly context: DeletingContext) {}

  /** @param since when these paths became candidates */
  async look(candidates: readonly Path[], since: Date): Promise<Looked> {
    const ageMs = Date.now() - since.getTime();
    const { ledger } = this.context;
    const gone: Entry[] = [],
      again: Path[] = [],
      recorded: Entry[] = [];
    let halted = false;
    // Read before the disk: a version that is captured meanwhile is not the file that is gone,
    // and the fence protects it.
    const known = await ledger.readMany(candidates);
    for (const path of candidates) {
      const dir = this.context.dirOf(path),
        entry = known.get(path);
      if (dir?.onDelete !== 'propagate') continue;
      const isHere = await this.isHere(path),
        answer = reconcileLeft({ entry, isHere, me: this.context.me });
      if (answer === 'check' && entry) recorded.push(entry);
      if (
        (answer === 'look-again' || (answer === 'check' && isHere)) &&
        ageMs < this.context.candidateMs
      )
        again.push(path);
      if (answer !== 'tombstone' || !entry) continue;
      if (this.context.isHalted(dir.path)) {
        // The documents are searched only after a person has decided.
        halted = true;
        again.push(path);
      } else gone.push(entry);
    }
    const { unnamed: files, back, unjudged } = await this.findUnnamed(gone);
    if (ageMs < this.context.candidateMs) again.push(...back, ...unjudged.keys());
    else this.tellUnjudged(unjudged);
    const entries: Entry[] = [];
    for (const [dir, unnamed] of this.groupByDir(files)) {
      const decision = await this.decide(dir, unnamed.length, since);
      if (decision === 'wait') {
        halted = true;
        again.push(...unnamed.map(({ path }) => path));
      } else if (decision === 'go') {
        const buried = await this.bury(unnamed);
        recorded.push(...buried.tombstones);
        if (ageMs < this.context.candidateMs) again.push(...buried.outrun);
      }
    }
    entries.push(...(await this.reviveNamed(recorded)));
    if (entries.length > 0)
      this.context.events.emit('folded', { paths: entries.map(({ path }) => path) });
    return { entries, again, halted };
  }

  /**
   * Finds files that no document names. Leaves out those that exist again by then, because the
   * app may have restored one and saved a document.
   */
  private async findUnnamed(
    gone: readonly Entry[],
  ): Promise<{ unnamed: Entry[]; back: Path[]; unjudged: ReadonlyMap<Path, string> }> {
    const unnamed: Entry[] = [],
      back: Path[] = [];
    if (gone.length === 0) return { unnamed, back, unjudged: new Map() };
    const { named, unjudged } = await this.context.findNamed(gone.map(({ path }) => path));
    for (const entry of gone) {
      const { path } = entry;
      if (named.has(path) || unjudged.has(path)) continue;
      if (await this.isHere(path)) back.push(path);
      else unnamed.push(entry);
    }
    return { unnamed, back, unjudged };
  }

  private groupByDir(files: readonly Entry[]): Map<SyncDir, Entry[]> {
    const byDir = new Map<SyncDir, Entry[]>();
    for (const file of files) {
      const dir = this.context.dirOf(file.path);
      if (dir) byDir.set(dir, [...(byDir.get(dir) ?? []), file]);
    }
    return byDir;
  }

  private tellUnjudged(unjudged: ReadonlyMap<Path, string>): void {
    const [first] = unjudged;
    if (!first) return;
    const others = unjudged.size > 1 ? ` and ${unjudged.size - 1} other files` : '';
    this.context.events.emit('failed', {
      doing:
        `deleting ${JSON.stringify(first[0])}${others}: they stay on the other hosts, as a ` +
        `document may name them`,
      error: first[1],
    });
  }

  private async isHere(path: Path): Promise<boolean> {
    try {
      return (await this.context.disk.observe(path)) !== undefined;
    } catch (error) {
      // The application created a directory in its place, so the file is gone. Anything else at
      // the path is left alone.
      if (hasCode(error, 'NOT_A_FILE')) return !(await this.context.disk.isDirectory(path));
      if (hasCode(error, 'SYMLINK_IN_PATH')) return true;
      throw error;
    }
  }

  private async decide(dir: SyncDir, wanted: number, since: Date): Promise<'go' | 'wait' | 'drop'> {
    const { ledger } = this.context;
    if (this.context.isHalted(dir.path)) return 'wait';
    const decided = this.context.decided(dir.path);
    if (decided && since <= decided.at) return decided.decision === 'approved' ? 'go' : 'drop';
    const window = Date.now() - removalLimits.windowMs;
    // An approved removal does not make the next one suspicious.
    const isApproved = decided?.decision === 'approved' && decided.at.getTime() > window;
    const lately = isApproved
      ? 0
      : await ledger.count({ below: dir.path, kind: 'tombstone', since: new Date(window) });
    const files = await ledger.count({ below: dir.path, kind: 'file' });
    if (!isSuspicious({ wanted, lately, files })) return 'go';
    const undone = lately === 0 ? 0 : await this.countUndone(dir, new Date(window));
    if (!isSuspicious({ wanted, lately: lately - undone, files: files + undone })) return 'go';
    const message =
      `${wanted} of ${files} files of ${dir.path} are to be removed on every host: ` +
      `"syncmedia removals approve ${dir.path}" if that is meant, else "syncmedia removals ` +
      `reject ${dir.path}"`;
    const failure: Failure = { code: 'REMOVALS_HALTED', message, retryable: false, of: 'host' };
    await this.context.halt(dir.path, failure);
    this.context.events.emit('halted', { dir: dir.path, failure });
    return 'wait';
  }

  /**
   * Counts removals that the app has undone and no reconciliation has noticed yet, such as a
   * directory that was renamed away and back. Files that another host removed and this one still
   * has do not count.
   */
  private async countUndone(dir: SyncDir, since: Date): Promise<number> {
    let undone = 0;
    for await (const { path } of this.context.ledger.below(dir.path, {
      heldBy: this.context.me,
      kind: 'tombstone',
      since,
    })) {
      if (await this.isHere(path)) undone++;
    }
    return undone;
  }

  /**
   * Writes tombstones. A newer version that was captured meanwhile wins, and its path gets no
   * tombstone. `outrun`: paths whose newer version is this host's own.
   */
  private async bury(files: readonly Entry[]): Promise<{ tombstones: Entry[]; outrun: Path[] }> {
    const { ledger, me } = this.context;
    const tombstones: Entry[] = [],
      outrun: Path[] = [];
    for (const before of files) {
      const wantedBy = this.context.wantedBy(before.path);
      if (!wantedBy) continue;
      const tombstone = makeTombstone(before, {
        path: before.path,
        version: randomUUID(),
        me,
        wantedBy,
        now: new Date(),
      });
      if (await ledger.replace(before.version, tombstone)) tombstones.push(tombstone);
      else if (mayStillBury(await ledger.read(before.path), me)) outrun.push(before.path);
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
    const { named } = await this.context.findNamed(tombstones.map(({ path }) => path));
    const undone = tombstones.filter(({ path }) => named.has(path)),
      back: Path[] = [];
    for (const { path } of undone) if (await this.isHere(path)) back.push(path);
    const versions = back.length > 0 ? await this.context.fold(back) : [];
    const isVersion = new Set(versions.map(({ path }) => path));
    for (const tombstone of undone.filter(({ path }) => !isVersion.has(path))) {
      const { path } = tombstone,
        others = this.context.wantedBy(path);
      const revived =
        others &&
        makeRevived(tombstone, {
          path,
          version: randomUUID(),
          me,
          wantedBy: others,
          now: new Date(),
        });
      if (revived) await ledger.replace(tombstone.version, revived);
    }
    return [...tombstones.filter(({ path }) => !named.has(path)), ...versions];
  }
}
