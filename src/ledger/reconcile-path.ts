import { randomUUID } from 'node:crypto';
import { hasCode, SyncMediaError } from '../model/errors.js';
import { isRewritten, mustCompare } from '../decisions/must-compare-content.js';
import { makeVersion } from '../decisions/entries.js';
import { findWhy, reconcile, type Answer } from '../decisions/reconcile.js';
import {
  findStanding,
  hasChanged,
  removedStamp,
  type FoundStanding,
} from '../decisions/file-state.js';
import { confirmStamp, follow } from '../decisions/transitions.js';
import type { Entry, HostId, Path, Seen } from '../model/words.js';
import { hashAtOnceLimit, type FoldContext, type Reason } from './reconcile-context.js';
import { gather, type Gathered } from './evidence.js';
import { insertFresh } from './insert-fresh.js';

/**
 * How often a path is checked again because its entry changed meanwhile, before it is left to the
 * next rescan.
 */
const attempts = 10;

/**
 * The result for some paths: the written entries, and the paths that failed or cannot be decided
 * yet.
 */
export interface Folded {
  readonly entries: Entry[];
  readonly failed: { readonly path: Path; readonly error: unknown }[];
  /**
   * Paths to check again soon, because they depend on a delivery that is not acknowledged yet.
   */
  readonly waiting: Path[];
}

/**
 * Reconciles paths of this disk with the ledger. Repeating it is harmless, because only bytes
 * that the entry does not know become a version. Returns the written entries that hosts have
 * pending.
 */
export class Fold {
  private readonly underWay = new Set<Promise<Folded>>();

  constructor(private readonly context: FoldContext) {}

  async paths(paths: readonly Path[], reason: Reason): Promise<Entry[]> {
    const { entries, failed } = await this.each(paths, reason);
    const [first] = failed;
    if (first) {
      const others = failed.length > 1 ? ` and ${failed.length - 1} other paths` : '';
      this.context.events.emit('failed', {
        doing: `reconciling ${JSON.stringify(first.path)}${others}`,
        error: first.error,
      });
    }
    return entries;
  }

  /**
   * Like `paths`, but returns the paths that could not be read, such as files without
   * read permission or files that are written all the time.
   */
  async each(paths: readonly Path[], reason: Reason): Promise<Folded> {
    const folding = this.fold(paths, reason);
    this.underWay.add(folding);
    try {
      return await folding;
    } finally {
      this.underWay.delete(folding);
    }
  }

  /**
   * Resolves when all calls that started before have ended. They may have used an older host
   * list.
   */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.underWay]);
  }

  /** Lists the entries whose path has bytes that the entry does not know. */
  async unknown(entries: readonly Entry[]): Promise<{ path: Path; seen: Seen }[]> {
    const found: { path: Path; seen: Seen }[] = [];
    await forEachOf(entries, 16, async (entry) => {
      const looked = await this.findStanding(entry.path, entry, { why: 'scan' });
      if (looked?.seen && looked.standing === 'unknown')
        found.push({ path: entry.path, seen: looked.seen });
    });
    return found;
  }

  private async fold(paths: readonly Path[], reason: Reason): Promise<Folded> {
    const entries: Entry[] = [],
      failed: Folded['failed'] = [],
      waiting: Path[] = [];
    if (reason.why === 'named') {
      await forEachOf(paths, 16, async (path) => {
        const entry = await insertFresh(this.context, path, reason);
        if (entry) entries.push(entry);
      });
    }
    const inserted = new Set(entries.map(({ path }) => path));
    const others = paths.filter((path) => !inserted.has(path));
    const read = await this.context.ledger.readMany(others);
    await forEachOf(others, 16, async (path) => {
      try {
        const entry = await this.path(path, reason, read.get(path));
        if (entry === 'wait') waiting.push(path);
        else if (entry) entries.push(entry);
      } catch (error) {
        // A SyncMediaError concerns one path and stops no other. Any other error comes from the
        // database.
        if (!(error instanceof SyncMediaError)) throw error;
        failed.push({ path, error });
      }
    });
    if (entries.length > 0)
      this.context.events.emit('folded', { paths: entries.map(({ path }) => path) });
    return { entries, failed, waiting };
  }

  /**
   * Reconciles one path with its entry as it was read. Skips paths that may not be captured or
   * are no files.
   */
  private async path(
    path: Path,
    reason: Reason,
    read: Entry | undefined,
  ): Promise<Entry | 'wait' | undefined> {
    const { ledger, me } = this.context;
    if (!this.context.wantedBy(path)) return undefined;
    let entry = read;
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (reason.over !== undefined && reason.over.version !== entry?.version) return undefined;
      const looked = await this.look(path, entry, reason);
      if (!looked) return undefined;
      const { answer, seen, copy } = looked;
      if (answer === 'again') continue;
      if (answer === 'wait') return 'wait';
      if (answer === 'nothing') {
        if (entry) await this.noteCompared(entry, seen);
        return undefined;
      }
      if (answer === 'new-version' && seen) {
        // This list is read as late as possible: a host may have joined while a large file was
        // hashed.
        const wantedBy = this.context.wantedBy(path);
        if (!wantedBy) return undefined;
        const next = makeVersion(entry, seen, {
          path,
          me,
          wantedBy,
          version: randomUUID(),
          now: new Date(),
          savedBy: reason.savedBy,
          alsoHeldBy: reason.alsoHeldBy ?? [],
          overrules: reason.overrules,
        });
        if (entry ? await ledger.replace(entry.version, next) : await ledger.insert(next))
          return next;
      } else if (entry && (await this.carryOut(answer, entry, seen, copy))) {
        if (answer === 'owe' && hadCurrent(entry, me))
          this.context.events.emit('overruled', { path, by: 'newer version' });
        return answer === 'restore' || answer === 'hold' ? undefined : ledger.read(path);
      }
      entry = await ledger.read(path);
    }
    throw new SyncMediaError(
      'TIMED_OUT',
      `the entry of ${JSON.stringify(path)} changed ${attempts} times while it was reconciled`,
    );
  }

  /** Answers 'again' if somebody replaced the file while the evidence was gathered. */
  private async look(
    path: Path,
    entry: Entry | undefined,
    reason: Reason,
  ): Promise<
    { answer: Answer | 'again'; seen: Seen | undefined; copy: string | undefined } | undefined
  > {
    const { disk, me } = this.context;
    const asserted = reason.asserted?.find((one) => one.path === path)?.seen;
    const looked = await this.findStanding(path, entry, reason, asserted);
    if (!looked) {
      // A directory or a symlink replaced the file: there is nothing to capture, and this host no
      // longer holds it.
      const isHeld = entry?.kind === 'file' && entry.heldBy.includes(me);
      return isHeld ? { answer: 'leave', seen: undefined, copy: undefined } : undefined;
    }
    const { seen, standing } = looked;
    const situation = {
      entry,
      standing: standing ?? 'unknown',
      me,
      ready: this.context.isReady(),
      why: findWhy(reason.why, seen, asserted),
      removalsHalted: this.context.areRemovalsHalted(path),
    };
    let gathered: Gathered = { evidence: {}, copy: undefined };
    for (;;) {
      const answer = reconcile({ ...situation, evidence: gathered.evidence });
      if (typeof answer === 'string') {
        // Bytes that a late delivery replaced may have been put back meanwhile. Then the observed
        // bytes are not the app's.
        const isAboutAside =
          gathered.evidence.lateDelivery === false || gathered.evidence.uncaptured === false;
        const isMoved = isAboutAside && (await disk.observe(path))?.stamp !== seen?.stamp;
        return { answer: isMoved ? 'again' : answer, seen, copy: gathered.copy };
      }
      gathered = await gather(this.context, answer, { path, entry, seen }, reason, gathered);
    }
  }

  /** Returns undefined if the path is something other than a file. */
  private async findStanding(
    path: Path,
    entry: Entry | undefined,
    reason: Reason,
    asserted?: Seen,
  ): Promise<{ seen: Seen | undefined; standing: FoundStanding | undefined } | undefined> {
    const { disk, me } = this.context;
    const onCapturingDisk = entry?.capturedBy === me;
    let seen: Seen | undefined, standing: FoundStanding | undefined;
    try {
      seen = await disk.observe(path);
      standing = findStanding(entry, seen, {
        onCapturingDisk,
        surely: this.mustBeSure(entry, seen, reason),
      });
      if (standing === 'current' && isRewritten({ entry, seen, me, why: reason.why }))
        standing = 'unknown';
      // Small new files are hashed, so that every host can recognise the version by its content.
      const isNews = standing === 'unknown' || findWhy(reason.why, seen, asserted) === 'asserted';
      if (seen && (standing === undefined || (isNews && seen.size <= hashAtOnceLimit))) {
        seen = await disk.hash(path, { keeps: isNews });
        standing = findStanding(entry, seen, { onCapturingDisk });
      }
      // A pull fetched this file with the date that the other host keeps.
      if (standing === 'redated' && reason.why === 'named' && reason.overrules === true)
        standing = 'unknown';
    } catch (error) {
      if (!hasCode(error, 'NOT_A_FILE') && !hasCode(error, 'SYMLINK_IN_PATH')) throw error;
      return undefined;
    }
    return { seen, standing };
  }

  private mustBeSure(
    entry: Entry | undefined,
    seen: Seen | undefined,
    { why, surely = false, rereads, savedAt = new Date() }: Reason,
  ): boolean {
    const must = surely || mustCompare({ entry, seen, me: this.context.me, why, savedAt });
    if (must !== 'sparingly') return must;
    if (!seen || !rereads || rereads.files <= 0 || rereads.bytes < seen.size) return false;
    rereads.files--;
    rereads.bytes -= seen.size;
    return true;
  }

  /**
   * Records that the content was compared and is the version's. It is not compared again until
   * somebody touches the file.
   */
  private async noteCompared(entry: Entry, seen: Seen | undefined): Promise<void> {
    const { ledger, me } = this.context,
      { facts } = entry;
    if (seen?.stamp === undefined || seen.sha256 === undefined || seen.sha256 !== facts?.sha256)
      return;
    if (entry.heldBy.includes(me) && hasChanged(entry, me, seen) !== false)
      await ledger.change(entry, confirmStamp(me, seen.stamp));
  }

  /** Returns false if the entry changed meanwhile. */
  private async carryOut(
    answer: Answer,
    entry: Entry,
    seen: Seen | undefined,
    copy: string | undefined,
  ): Promise<boolean> {
    const { ledger, disk, me } = this.context;
    // The app wrote to the path meanwhile, and its bytes were put back. They are new, so the path
    // is checked again.
    if (answer === 'restore' && copy !== undefined && !(await disk.restore(entry, copy)))
      return false;
    if (answer === 'put-back' && copy !== undefined) await disk.putBack(entry, copy);
    if (answer === 'take-back' && copy !== undefined) await disk.takeBack(entry.path, copy);
    if (answer === 'trash') await disk.moveToTrash(entry.path);
    if (answer === 'trash' && entry.heldBy.includes(me))
      this.context.events.emit('overruled', { path: entry.path, by: 'delete' });
    if (answer === 'redate' && seen) await disk.redate(entry, seen);
    // The caller checks the path again. Bytes that were put back are a version now, and a redated
    // file is the current version. A file moved to the trash may have been put back, because it
    // was not the expected one any more.
    if (
      answer === 'trash' ||
      answer === 'put-back' ||
      answer === 'take-back' ||
      answer === 'redate'
    )
      return false;
    const transition = follow(
      answer,
      entry,
      me,
      seen?.sha256 === undefined ? undefined : seen.stamp,
    );
    return transition === undefined || ledger.change(entry, transition);
  }
}

/** Whether the host holds the current version, or held it until its app removed the file. */
function hadCurrent({ heldBy, stamps }: Entry, me: HostId): boolean {
  return heldBy.includes(me) || stamps?.[me] === removedStamp;
}

/**
 * Runs `work` on each item, at most `width` at a time. Throws the first failure after all running
 * calls have ended.
 */
export async function forEachOf<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const failures: unknown[] = [];
  const runner = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const item = items[next++] as T;
      try {
        await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, runner));
  if (failures.length > 0) throw failures[0];
}
