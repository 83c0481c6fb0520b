import type { EventBus } from '../../model/events.js';
import { forEachOf, type Fold } from '../../ledger/reconcile-path.js';
import { nextLook } from '../../decisions/removals.js';
import type { Tuning } from '../../config/config.js';
import type { Capture, Entry, HostId, Path } from '../../model/words.js';
import { Candidates } from './delete-candidates.js';
import type { Deleting } from './deletes.js';

/** The part of the outbox that processing it needs. */
export interface FoldingOutbox {
  /** Finds captures of a host that are due, oldest first. */
  due(host: HostId, now: Date, limit: number): Promise<Capture[]>;
  /** Streams its captures that are not due yet, in batches. */
  notDue(host: HostId, now: Date, limit: number): AsyncIterable<Capture[]>;
  makeDue(ids: readonly string[]): Promise<void>;
  remove(ids: readonly string[]): Promise<void>;
  /** @param touched the paths still to reconcile; default: all */
  postpone(id: string, dueAt: Date, touched?: readonly Path[]): Promise<void>;
  /** Keeps a capture for these candidates and for the paths that could not be reconciled. */
  keepLeft(
    capture: Pick<Capture, 'id' | 'touched' | 'left'> & { leftSince: Date },
    dueAt: Date,
  ): Promise<void>;
}

export interface FoldingContext {
  readonly fold: Fold;
  readonly deleting: Deleting;
  readonly outbox: FoldingOutbox;
  readonly events: EventBus;
  readonly tuning: Tuning;
  readonly me: HostId;
  offer(entries: readonly Entry[]): void;
  /** Resolves after the rescan is stored; only then is the capture removed. */
  oweSweep(dir: Path, after: number): Promise<void>;
}

/** The most queued captures; further ones are found in the outbox when they are due. */
const handedLimit = 10_000;
const batch = 200;
const width = 32;

/**
 * Processes the outbox: turns captures into entries. Captures handed over by a save are processed
 * at once, those of a process that died when they are due.
 */
export class Folding {
  private handed: Capture[] = [];
  private dropped = false;
  /** More captures are due than one query returned. */
  private backlog = false;
  private readonly underWay = new Set<string>();
  /** Captures that were queued and not processed when this was closed. */
  private unfolded: string[] = [];
  private starting: NodeJS.Immediate | undefined;
  private running: Promise<void> | undefined;
  private closed = false;
  private readonly candidates: Candidates;

  constructor(private readonly context: FoldingContext) {
    this.candidates = new Candidates(context);
  }

  /** Returns false if this process has stopped processing. */
  hand(captures: readonly Capture[]): boolean {
    if (this.closed) return false;
    for (const capture of captures) {
      if (this.underWay.has(capture.id) || this.candidates.has(capture.id)) continue;
      if (this.handed.length >= handedLimit) {
        this.dropped = true;
        break;
      }
      this.underWay.add(capture.id);
      this.handed.push(capture);
    }
    this.begin();
    return true;
  }

  /** Whether hints were dropped for want of room. Their captures are in the outbox. */
  get hasDropped(): boolean {
    return this.dropped;
  }

  /** Finds captures whose hint was lost. */
  async poll(): Promise<void> {
    if (this.closed) return;
    // Captures whose hints were dropped count as due.
    const now = this.dropped ? new Date(Date.now() + this.context.tuning.captureDueMs) : new Date();
    // Captures whose delete candidates are being checked are due as well, and must not hide
    // others.
    const limit = batch + this.candidates.size;
    const due = await this.context.outbox.due(this.context.me, now, limit);
    this.backlog = due.length === limit;
    if (!this.backlog) this.dropped = false;
    this.hand(due);
  }

  /**
   * Reconciles the files of all captures that an earlier leader left, due or not. The operation
   * of a capture that is not due may still be running in another process, which will hand the
   * capture over. So only its files are reconciled, which may be repeated without harm. The
   * capture stays, with its unreferenced files and rescans.
   */
  async takeOver(): Promise<void> {
    await this.poll();
    for await (const captures of this.context.outbox.notDue(this.context.me, new Date(), batch)) {
      if (this.closed) return;
      // A capture with asserted bytes is stored after its operation.
      this.hand(captures.filter(({ asserted }) => asserted !== undefined));
      await forEachOf(captures, width, async ({ id, touched, savedBy }) => {
        if (this.closed || touched.length === 0 || this.underWay.has(id)) return;
        this.context.offer(
          (await this.context.fold.each(touched, { why: 'named', savedBy })).entries,
        );
      });
    }
  }

  /** Starts what was queued before; makes the rest due at once. */
  async close(): Promise<void> {
    if (this.starting) this.start();
    this.closed = true;
    await this.running;
    await this.candidates.close();
    const left = [
      ...this.unfolded,
      ...this.handed.map(({ id }) => id),
      ...this.candidates.listWaiting(),
    ];
    if (left.length === 0) return;
    await this.context.outbox.makeDue(left).catch(() => {
      // The database is away: the captures become due by themselves.
    });
  }

  /** Starts after the current task, so that a save that was just captured resolves first. */
  private begin(): void {
    if (this.running || this.closed) return;
    this.starting ??= setImmediate(() => {
      this.start();
    });
  }

  private start(): void {
    clearImmediate(this.starting);
    this.starting = undefined;
    this.running = this.run().finally(() => {
      this.running = undefined;
      if (this.handed.length > 0) this.begin();
    });
  }

  private async run(): Promise<void> {
    while (this.handed.length > 0 && !this.closed) {
      const some = this.handed.splice(0, batch);
      const folded: string[] = [];
      await forEachOf(some, width, async (capture) => {
        if (await this.take(capture)) folded.push(capture.id);
      });
      try {
        await this.context.outbox.remove(folded);
      } catch (error) {
        folded.length = 0;
        this.context.events.emit('failed', { doing: 'removing processed captures', error });
      }
      for (const { id } of some) this.underWay.delete(id);
      if (this.backlog && folded.length > 0 && this.handed.length === 0) await this.lookForMore();
    }
  }

  private async lookForMore(): Promise<void> {
    try {
      await this.poll();
    } catch (error) {
      this.context.events.emit('failed', { doing: 'polling the outbox', error });
    }
  }

  /** Returns whether the capture is completely processed. */
  private async take(capture: Capture): Promise<boolean> {
    if (this.closed) {
      this.unfolded.push(capture.id);
      return false;
    }
    try {
      const { fold } = this.context;
      const { entries, failed, waiting } = await fold.each(capture.touched, {
        why: 'named',
        savedBy: capture.savedBy,
        savedAt: savedAt(capture),
        asserted: capture.asserted,
      });
      this.context.offer(entries);
      for (const { dir, after } of capture.sweep) await this.context.oweSweep(dir, after);
      const touched = [...failed.map(({ path }) => path), ...waiting];
      if (failed.length > 0) this.tellFailed(capture, failed[0]?.error, touched);
      if (capture.left.length > 0) {
        if (!this.candidates.hand({ ...capture, touched })) this.dropped = true;
        return false;
      }
      if (touched.length > 0)
        await this.postpone(
          capture,
          touched,
          failed.length === 0
            ? nextLook(Date.now() - (savedAt(capture)?.getTime() ?? 0))
            : undefined,
        );
      return touched.length === 0;
    } catch (error) {
      this.tellFailed(capture, error);
      await this.postpone(capture);
      return false;
    }
  }

  private tellFailed({ savedBy }: Capture, error: unknown, paths?: readonly Path[]): void {
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
function savedAt({ id }: Capture): Date | undefined {
  return /^[0-9a-f]{24}$/.test(id) ? new Date(parseInt(id.slice(0, 8), 16) * 1000) : undefined;
}
