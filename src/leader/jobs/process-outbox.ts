import type { LeaderContext } from '../../context/leader-context.js';
import { mapConcurrently } from '../../util/map-concurrently.js';
import { computeRecheckDelay } from '../../decisions/removals.js';
import type { Capture } from '../../model/capture.js';
import type { Path } from '../../model/path.js';
import { DeleteCandidates } from '../delete-candidates.js';
import type { LeaderJob } from '../leader-job.js';
import type { LeaderHint } from '../wake-socket.js';
import { Deletes } from '../deletes.js';
import type { Rescans } from './rescans.js';

/** The most queued captures; further ones are found in the outbox when they are due. */
const queueLimit = 10_000;
const batch = 200;
const width = 32;

/**
 * Processes the outbox: turns captures into entries. Captures handed over by a save are processed
 * at once, those of a process that died when they are due.
 */
export class OutboxProcessor implements LeaderJob {
  readonly name = 'polling the outbox';
  private queue: Capture[] = [];
  private hasDroppedHints = false;
  /** More captures are due than one query returned. */
  private mayHaveMoreDue = false;
  private readonly inProgress = new Set<string>();
  /** Captures that were queued and not processed when this was closed. */
  private unprocessed: string[] = [];
  private starting: NodeJS.Immediate | undefined;
  private running: Promise<void> | undefined;
  private closed = false;
  private readonly candidates: DeleteCandidates;

  private checking: Promise<void> = Promise.resolve();
  private checksAgain = false;

  constructor(
    private readonly context: ConstructorParameters<typeof Deletes>[0] &
      Pick<LeaderContext, 'outbox' | 'enqueue'>,
    private readonly rescans: Pick<Rescans, 'request'>,
  ) {
    this.candidates = new DeleteCandidates(context, new Deletes(context));
  }

  handleHint({ captures, checkOutbox }: LeaderHint): boolean {
    if (captures && !this.enqueue(captures)) return false;
    if (checkOutbox) this.checkOutbox();
    return true;
  }

  /** Returns false if this process has stopped processing. */
  enqueue(captures: readonly Capture[]): boolean {
    if (this.closed) return false;
    for (const capture of captures) {
      if (this.inProgress.has(capture.id) || this.candidates.has(capture.id)) continue;
      if (this.queue.length >= queueLimit) {
        this.hasDroppedHints = true;
        break;
      }
      this.inProgress.add(capture.id);
      this.queue.push(capture);
    }
    this.startSoon();
    return true;
  }

  /** Whether hints were dropped for want of room. Their captures are in the outbox. */
  get isBehind(): boolean {
    return this.hasDroppedHints;
  }

  /** Finds captures whose hint was lost. */
  async poll(): Promise<void> {
    if (this.closed) return;
    // Captures whose hints were dropped count as due.
    const now = this.hasDroppedHints
      ? new Date(Date.now() + this.context.tuning.captureDueMs)
      : new Date();
    // Captures whose delete candidates are being checked are due as well, and must not hide
    // others.
    const limit = batch + this.candidates.size;
    const due = await this.context.outbox.findDue(this.context.me, now, limit);
    this.mayHaveMoreDue = due.length === limit;
    if (!this.mayHaveMoreDue) this.hasDroppedHints = false;
    this.enqueue(due);
  }

  /**
   * Reconciles the files of all captures that an earlier leader left, due or not. The operation
   * of a capture that is not due may still be running in another process, which will hand the
   * capture over. So only its files are reconciled, which may be repeated without harm. The
   * capture stays, with its unreferenced files and rescans.
   */
  async reconcileEarlier(): Promise<void> {
    await this.poll();
    for await (const captures of this.context.outbox.findNotDue(
      this.context.me,
      new Date(),
      batch,
    )) {
      if (this.closed) return;
      // A capture with asserted bytes is stored after its operation.
      this.enqueue(captures.filter(({ asserted }) => asserted !== undefined));
      await mapConcurrently(captures, width, async ({ id, touched, savedBy, author }) => {
        if (this.closed || touched.length === 0 || this.inProgress.has(id)) return;
        this.context.enqueue(
          (await this.context.reconciler.reconcileEach(touched, { why: 'named', savedBy, author }))
            .entries,
        );
      });
    }
  }

  /** Starts the queued captures if no run has begun, and makes all others due at once. */
  async close(): Promise<void> {
    if (this.starting) this.startRun();
    this.closed = true;
    await Promise.all([this.checking, this.running]);
    await this.candidates.close();
    const unprocessedIds = [
      ...this.unprocessed,
      ...this.queue.map(({ id }) => id),
      ...this.candidates.listQueued(),
    ];
    if (unprocessedIds.length === 0) return;
    await this.context.outbox.makeDue(unprocessedIds).catch(() => {
      // The database is away: the captures become due by themselves.
    });
  }

  /** Requests during a check are served by one more check. */
  private checkOutbox(): void {
    if (this.checksAgain) return;
    this.checksAgain = true;
    this.checking = this.checking.then(() => {
      this.checksAgain = false;
      return this.pollForMore();
    });
  }

  /** Starts after the current task, so that a save that was just captured resolves first. */
  private startSoon(): void {
    if (this.running || this.closed) return;
    this.starting ??= setImmediate(() => {
      this.startRun();
    });
  }

  private startRun(): void {
    clearImmediate(this.starting);
    this.starting = undefined;
    this.running = this.processQueue().finally(() => {
      this.running = undefined;
      if (this.queue.length > 0) this.startSoon();
    });
  }

  private async processQueue(): Promise<void> {
    while (this.queue.length > 0 && !this.closed) {
      const some = this.queue.splice(0, batch);
      const processed: string[] = [];
      await mapConcurrently(some, width, async (capture) => {
        if (await this.processCapture(capture)) processed.push(capture.id);
      });
      try {
        await this.context.outbox.remove(processed);
      } catch (error) {
        processed.length = 0;
        this.context.events.emit('failed', { doing: 'removing processed captures', error });
      }
      for (const { id } of some) this.inProgress.delete(id);
      if (this.mayHaveMoreDue && processed.length > 0 && this.queue.length === 0)
        await this.pollForMore();
    }
  }

  private async pollForMore(): Promise<void> {
    try {
      await this.poll();
    } catch (error) {
      this.context.events.emit('failed', { doing: this.name, error });
    }
  }

  /** Returns whether the capture is completely processed. */
  private async processCapture(capture: Capture): Promise<boolean> {
    if (this.closed) {
      this.unprocessed.push(capture.id);
      return false;
    }
    try {
      const { reconciler } = this.context;
      const {
        entries,
        failed,
        deferred: waiting,
      } = await reconciler.reconcileEach(capture.touched, {
        why: 'named',
        savedBy: capture.savedBy,
        author: capture.author,
        savedAt: readSavedAt(capture),
        asserted: capture.asserted,
      });
      this.context.enqueue(entries);
      for (const { dir, after } of capture.rescan) await this.rescans.request(dir, after);
      const touched = [...failed.map(({ path }) => path), ...waiting];
      if (failed.length > 0) this.reportFailed(capture, failed[0]?.error, touched);
      if (capture.unreferenced.length > 0) {
        if (!this.candidates.add({ ...capture, touched })) this.hasDroppedHints = true;
        return false;
      }
      if (touched.length > 0)
        await this.postpone(
          capture,
          touched,
          failed.length === 0
            ? computeRecheckDelay(Date.now() - (readSavedAt(capture)?.getTime() ?? 0))
            : undefined,
        );
      return touched.length === 0;
    } catch (error) {
      this.reportFailed(capture, error);
      await this.postpone(capture);
      return false;
    }
  }

  private reportFailed({ savedBy }: Capture, error: unknown, paths?: readonly Path[]): void {
    this.context.events.emit('failed', {
      doing:
        `processing files that ${savedBy?.model ?? 'a capture'} ` +
        `names${paths?.[0] ? ` (${JSON.stringify(paths[0])})` : ''}`,
      error,
    });
  }

  private async postpone(
    { id }: Capture,
    paths?: readonly Path[],
    ms = this.context.tuning.captureDueMs,
  ): Promise<void> {
    await this.context.outbox.postpone(id, new Date(Date.now() + ms), paths).catch(() => {
      // The database is away: the capture is still there and becomes due by itself.
    });
  }
}

/** Reads when the operation began: the id of a capture begins with that time. */
function readSavedAt({ id }: Capture): Date | undefined {
  return /^[0-9a-f]{24}$/.test(id) ? new Date(parseInt(id.slice(0, 8), 16) * 1000) : undefined;
}
