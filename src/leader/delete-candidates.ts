import type { LeaderContext } from '../context/leader-context.js';
import { hasErrorCode } from '../model/errors.js';
import { computeRecheckDelay } from '../decisions/removals.js';
import type { Capture } from '../model/capture.js';
import type { Deletes } from './deletes.js';

/** Captures that are processed together: one search of the documents answers them all. */
const batch = 200;
/** The most captures in memory; further ones stay in the outbox. */
const queueLimit = 10_000;

/**
 * Decides about the delete candidates of processed captures. In these captures `touched` holds
 * the paths that could not be reconciled. No other capture waits for this, because the search for
 * documents that name a file may take long.
 */
export class DeleteCandidates {
  private queued: Capture[] = [];
  private readonly underWay = new Set<string>();
  private running: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly context: Pick<LeaderContext, 'outbox' | 'events' | 'tuning' | 'enqueue'>,
    private readonly deletes: Deletes,
  ) {}

  get size(): number {
    return this.underWay.size;
  }

  has(id: string): boolean {
    return this.underWay.has(id);
  }

  /**
   * The capture stays in the outbox until its candidates are decided. Returns false if there is
   * no room.
   */
  add(capture: Capture): boolean {
    if (this.closed || this.queued.length >= queueLimit) return false;
    this.underWay.add(capture.id);
    this.queued.push(capture);
    this.running ??= this.processBatches().finally(() => {
      this.running = undefined;
    });
    return true;
  }

  /** Lists captures whose candidates were not checked yet. */
  listQueued(): string[] {
    return this.queued.map(({ id }) => id);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.running;
  }

  private async processBatches(): Promise<void> {
    while (this.queued.length > 0 && !this.closed) {
      const some = this.queued.splice(0, batch);
      const decided = await Promise.all(
        some.map(async (capture) => ((await this.decideCapture(capture)) ? [capture.id] : [])),
      );
      try {
        await this.context.outbox.remove(decided.flat());
      } catch (error) {
        this.context.events.emit('failed', {
          doing: 'removing captures whose delete candidates were checked',
          error,
        });
      }
      for (const { id } of some) this.underWay.delete(id);
    }
  }

  /** Returns false if candidates must be checked again; the capture stays for them. */
  private async decideCapture({
    id,
    touched,
    unreferenced,
    unreferencedSince = new Date(),
  }: Capture): Promise<boolean> {
    const { outbox, events, tuning } = this.context;
    const inMs = (ms: number): Date => new Date(Date.now() + ms);
    try {
      const { entries, retry, halted } = await this.deletes.processCandidates(
        unreferenced,
        unreferencedSince,
      );
      this.context.enqueue(entries);
      if (retry.length === 0 && touched.length === 0) return true;
      const ageMs = Date.now() - unreferencedSince.getTime();
      await outbox.keepUnreferenced(
        { id, touched, unreferenced: retry, unreferencedSince },
        inMs(halted || retry.length === 0 ? tuning.captureDueMs : computeRecheckDelay(ageMs)),
      );
    } catch (error) {
      // Only the end of this leader aborts the search. The capture stays in the outbox.
      if (hasErrorCode(error, 'CANCELLED')) return false;
      events.emit('failed', {
        doing: `checking whether ${JSON.stringify(unreferenced[0])} was deleted`,
        error,
      });
      await outbox.postpone(id, inMs(tuning.captureDueMs), touched).catch(() => {
        // The database is away: the capture is still there and becomes due by itself.
      });
    }
    return false;
  }
}
