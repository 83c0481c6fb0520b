import { randomUUID } from 'node:crypto';
import { hasErrorCode, SyncMediaError } from '../model/errors.js';
import { isRewritten, mustCompareContent } from '../decisions/must-compare-content.js';
import { makeVersionEntry } from '../decisions/entries.js';
import { mayBeForgotten } from '../decisions/forgotten.js';
import { findWhy, reconcile, type ReconcileAnswer } from '../decisions/reconcile.js';
import {
  findFileState,
  hasChangedSinceCompared,
  haveSameSizeAndTime,
  removedStamp,
  type FileState,
} from '../decisions/file-state.js';
import { confirmStamp, deriveTransition } from '../decisions/transitions.js';
import type { Entry } from '../model/entry.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';
import {
  immediateHashLimit,
  type ReconcileContext,
  type ReconcileReason,
} from './reconcile-context.js';
import { gatherEvidence, type GatheredEvidence } from './evidence.js';
import { insertFreshEntry } from './insert-fresh.js';
import { mapConcurrently } from '../util/map-concurrently.js';

/**
 * How often a path is checked again because its entry changed meanwhile, before it is left to the
 * next rescan.
 */
const attempts = 10;

/**
 * The result for some paths: the written entries, and the paths that failed or cannot be decided
 * yet.
 */
interface ReconcileResult {
  readonly entries: Entry[];
  readonly failed: { readonly path: Path; readonly error: unknown }[];
  /**
   * Paths to check again soon, because they depend on a delivery that is not acknowledged yet.
   */
  readonly deferred: Path[];
}

/**
 * Reconciles paths of this disk with the ledger. Repeating it is harmless, because only bytes
 * that the entry does not know become a version. Returns the written entries that hosts have
 * pending.
 */
export class PathReconciler {
  private readonly running = new Set<Promise<ReconcileResult>>();

  constructor(private readonly context: ReconcileContext) {}

  async reconcilePaths(paths: readonly Path[], reason: ReconcileReason): Promise<Entry[]> {
    const { entries, failed } = await this.reconcileEach(paths, reason);
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
   * Like `reconcilePaths`, but returns the paths that could not be read, such as files without
   * read permission or files that are written all the time.
   */
  async reconcileEach(paths: readonly Path[], reason: ReconcileReason): Promise<ReconcileResult> {
    const reconciling = this.reconcileBatch(paths, reason);
    this.running.add(reconciling);
    try {
      return await reconciling;
    } finally {
      this.running.delete(reconciling);
    }
  }

  /**
   * Resolves when all calls that started before have ended. They may have used an older host
   * list.
   */
  async waitForRunning(): Promise<void> {
    await Promise.allSettled([...this.running]);
  }

  /** Lists the entries whose path has bytes that the entry does not know. */
  async listUnknown(entries: readonly Entry[]): Promise<{ path: Path; info: LocalFileInfo }[]> {
    const found: { path: Path; info: LocalFileInfo }[] = [];
    await mapConcurrently(entries, 16, async (entry) => {
      const observed = await this.observeState(entry.path, entry, { why: 'scan' });
      if (observed?.info && observed.state === 'unknown')
        found.push({ path: entry.path, info: observed.info });
    });
    return found;
  }

  private async reconcileBatch(
    paths: readonly Path[],
    reason: ReconcileReason,
  ): Promise<ReconcileResult> {
    const entries: Entry[] = [],
      failed: ReconcileResult['failed'] = [],
      waiting: Path[] = [];
    if (reason.why === 'named') {
      await mapConcurrently(paths, 16, async (path) => {
        const entry = await insertFreshEntry(this.context, path, reason);
        if (entry) entries.push(entry);
      });
    }
    const inserted = new Set(entries.map(({ path }) => path));
    const others = paths.filter((path) => !inserted.has(path));
    const read = await this.context.ledger.readMany(others);
    await mapConcurrently(others, 16, async (path) => {
      try {
        const entry = await this.reconcilePath(path, reason, read.get(path));
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
      this.context.events.emit('recorded', { paths: entries.map(({ path }) => path) });
    return { entries, failed, deferred: waiting };
  }

  /**
   * Reconciles one path with its entry as it was read. Skips paths that may not be captured or
   * are no files.
   */
  private async reconcilePath(
    path: Path,
    reason: ReconcileReason,
    read: Entry | undefined,
  ): Promise<Entry | 'wait' | undefined> {
    const { ledger, me } = this.context;
    if (!this.context.listReceivers(path)) return undefined;
    let entry = read;
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (reason.ifVersion !== undefined && reason.ifVersion.version !== entry?.version)
        return undefined;
      const observed = await this.decidePath(path, entry, reason);
      if (!observed) return undefined;
      const { answer, info: localInfo, copy: copyPath } = observed;
      if (answer === 'again') continue;
      if (answer === 'wait') return 'wait';
      if (answer === 'nothing') {
        if (entry) await this.recordComparison(entry, localInfo);
        if (entry) await this.recordSave(entry, localInfo, reason);
        return undefined;
      }
      if (answer === 'new-version' && localInfo) {
        // This list is read as late as possible: a host may have joined while a large file was
        // hashed.
        const wantedBy = this.context.listReceivers(path);
        if (!wantedBy) return undefined;
        const next = makeVersionEntry(entry, localInfo, {
          path,
          me,
          wantedBy,
          version: randomUUID(),
          now: new Date(),
          savedBy: reason.savedBy,
          author: reason.author,
          alsoHeldBy: reason.alsoHeldBy ?? [],
          overrules: reason.overrules,
          recording: this.context.recording,
        });
        if (entry ? await ledger.replace(entry.version, next) : await ledger.insert(next))
          return next;
      } else if (entry && (await this.applyAnswer(answer, entry, localInfo, copyPath))) {
        if (answer === 'mark-pending' && hadCurrentVersion(entry, me))
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
  private async decidePath(
    path: Path,
    entry: Entry | undefined,
    reason: ReconcileReason,
  ): Promise<
    | {
        answer: ReconcileAnswer | 'again';
        info: LocalFileInfo | undefined;
        copy: string | undefined;
      }
    | undefined
  > {
    const { disk, me } = this.context;
    const asserted = reason.asserted?.find((one) => one.path === path)?.info;
    const observed = await this.observeState(path, entry, reason, asserted);
    if (!observed) {
      // A directory or a symlink replaced the file: there is nothing to capture, and this host no
      // longer holds it.
      const isHeld = entry?.kind === 'file' && entry.heldBy.includes(me);
      return isHeld ? { answer: 'leave', info: undefined, copy: undefined } : undefined;
    }
    const { info: localInfo, state } = observed;
    const situation = {
      entry,
      state: state ?? 'unknown',
      me,
      ready: this.context.isReady(),
      why: findWhy(reason.why, localInfo, asserted),
      removalsHalted: this.context.areRemovalsHalted(path),
      mayBeForgotten: mayBeForgotten(entry, localInfo, this.context.downtime),
    };
    let gatheredEvidence: GatheredEvidence = { evidence: {}, copy: undefined };
    for (;;) {
      const answer = reconcile({ ...situation, evidence: gatheredEvidence.evidence });
      if (typeof answer === 'string') {
        // Bytes that a late delivery replaced may have been put back meanwhile. Then the observed
        // bytes are not the app's.
        const isAboutAside =
          gatheredEvidence.evidence.lateDelivery === false ||
          gatheredEvidence.evidence.uncaptured === false;
        const isMoved = isAboutAside && (await disk.observe(path))?.stamp !== localInfo?.stamp;
        return { answer: isMoved ? 'again' : answer, info: localInfo, copy: gatheredEvidence.copy };
      }
      gatheredEvidence = await gatherEvidence(
        this.context,
        answer,
        { path, entry, info: localInfo },
        reason,
        gatheredEvidence,
      );
    }
  }

  /** Returns undefined if the path is something other than a file. */
  private async observeState(
    path: Path,
    entry: Entry | undefined,
    reason: ReconcileReason,
    asserted?: LocalFileInfo,
  ): Promise<{ info: LocalFileInfo | undefined; state: FileState | undefined } | undefined> {
    const { disk, me } = this.context;
    const onCapturingDisk = entry?.capturedBy === me;
    let localInfo: LocalFileInfo | undefined, state: FileState | undefined;
    try {
      localInfo = await disk.observe(path);
      state = findFileState(entry, localInfo, {
        onCapturingDisk,
        surely: this.mustCompareContent(entry, localInfo, reason),
      });
      if (state === 'current' && isRewritten({ entry, info: localInfo, me, why: reason.why }))
        state = 'unknown';
      // Small new files are hashed, so that every host can recognise the version by its content.
      const isNews = state === 'unknown' || findWhy(reason.why, localInfo, asserted) === 'asserted';
      if (localInfo && (state === undefined || (isNews && localInfo.size <= immediateHashLimit))) {
        localInfo = await disk.hash(path, { keeps: isNews });
        state = findFileState(entry, localInfo, { onCapturingDisk });
      }
      // A pull fetched this file with the date that the other host keeps.
      if (state === 'redated' && reason.why === 'named' && reason.overrules === true)
        state = 'unknown';
    } catch (error) {
      if (!hasErrorCode(error, 'NOT_A_FILE') && !hasErrorCode(error, 'SYMLINK_IN_PATH'))
        throw error;
      return undefined;
    }
    return { info: localInfo, state };
  }

  private mustCompareContent(
    entry: Entry | undefined,
    localInfo: LocalFileInfo | undefined,
    {
      why,
      comparesContent: surely = false,
      rereadBudget: rereads,
      savedAt = new Date(),
    }: ReconcileReason,
  ): boolean {
    const must =
      surely || mustCompareContent({ entry, info: localInfo, me: this.context.me, why, savedAt });
    if (must !== 'sparingly') return must;
    if (!localInfo || !rereads || rereads.files <= 0 || rereads.bytes < localInfo.size)
      return false;
    rereads.files--;
    rereads.bytes -= localInfo.size;
    return true;
  }

  /**
   * Records that the content was compared and is the version's. It is not compared again until
   * somebody touches the file.
   */
  private async recordComparison(
    entry: Entry,
    localInfo: LocalFileInfo | undefined,
  ): Promise<void> {
    const { ledger, me } = this.context,
      { info } = entry;
    if (
      localInfo?.stamp === undefined ||
      localInfo.sha256 === undefined ||
      localInfo.sha256 !== info?.sha256
    )
      return;
    if (entry.heldBy.includes(me) && hasChangedSinceCompared(entry, me, localInfo) !== false)
      await ledger.writeTransition(entry, confirmStamp(me, localInfo.stamp));
  }

  /** A scan may have found the file right before the save named it. */
  private async recordSave(
    entry: Entry,
    localInfo: LocalFileInfo | undefined,
    { why, savedBy, author }: ReconcileReason,
  ): Promise<void> {
    const { ledger, me } = this.context;
    const isFound = entry.capturedBy === me && entry.heldBy.includes(me) && !entry.savedBy;
    if (why !== 'named' || !savedBy || !isFound || !localInfo || !entry.info) return;
    if (haveSameSizeAndTime(localInfo, entry.info))
      await ledger.nameSave(entry, { savedBy, author });
  }

  /** Returns false if the entry changed meanwhile. */
  private async applyAnswer(
    answer: ReconcileAnswer,
    entry: Entry,
    localInfo: LocalFileInfo | undefined,
    copyPath: string | undefined,
  ): Promise<boolean> {
    const { ledger, disk, me } = this.context;
    // The app wrote to the path meanwhile, and its bytes were put back. They are new, so the path
    // is checked again.
    if (
      answer === 'restore' &&
      copyPath !== undefined &&
      !(await disk.restoreOwnCopy(entry, copyPath))
    )
      return false;
    if (answer === 'put-back' && copyPath !== undefined)
      await disk.putBackUncaptured(entry, copyPath);
    if (answer === 'take-back' && copyPath !== undefined)
      await disk.putBackRemoved(entry.path, copyPath);
    if (answer === 'trash') await disk.moveToTrash(entry.path);
    if (answer === 'trash' && entry.heldBy.includes(me))
      this.context.events.emit('overruled', { path: entry.path, by: 'delete' });
    if (answer === 'redate' && localInfo) await disk.redate(entry, localInfo);
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
    const transition = deriveTransition(
      answer,
      entry,
      me,
      localInfo?.sha256 === undefined ? undefined : localInfo.stamp,
    );
    return transition === undefined || ledger.writeTransition(entry, transition);
  }
}

/** Whether the host holds the current version, or held it until its app removed the file. */
function hadCurrentVersion({ heldBy, stamps }: Entry, me: HostId): boolean {
  return heldBy.includes(me) || stamps?.[me] === removedStamp;
}
