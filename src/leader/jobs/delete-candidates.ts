import type { EventBus } from '../../model/events.js';
import { hasCode } from '../../model/errors.js';
import { nextLook } from '../../decisions/removals.js';
import type { Tuning } from '../../config/config.js';
import type { Capture, Entry } from '../../model/words.js';
import type { Deleting } from './deletes.js';
import type { FoldingOutbox } from './process-outbox.js';

export interface CandidatesContext {
  readonly deleting: Deleting;
  readonly outbox: FoldingOutbox;
  readonly events: EventBus;
  readonly tuning: Tuning;
  offer(entries: readonly Entry[]): void;
}

/** Captures that are processed together: one search of the documents answers them all. */
const batch = 200;
/** The most captures in memory; further ones stay in the outbox. */
const limit = 10_000;

/**
 * Decides about the delete candidates of processed captures. In these captures `touched` holds
 * the paths that could not be reconciled. No other capture waits for this, because the search for
 * documents that name a file may take long.
 */
export class Candidates {
  private waiting: Capture[] = [];
  private readonly underWay = new Set<string>();
  private running: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly context: CandidatesContext) {}

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
  hand(capture: Capture): boolean {
    if (this.closed || this.waiting.length >= limit) return false;
    this.underWay.add(capture.id);
    this.waiting.push(capture);
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
    return true;
  }

  /** Lists captures whose candidates were not checked yet. */
  listWaiting(): string[] {
    return this.waiting.map(({ id }) => id);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0 && !this.closed) {
      const some = this.waiting.splice(0, batch);
      const decided = await Promise.all(
        some.map(async (capture) => ((await this.look(capture)) ? [capture.id] : [])),
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
  private async look({ id, touched, left, leftSince = new Date() }: Capture): Promise<boolean> {
    const { deleting, outbox, events, tuning } = this.context;
    const inMs = (ms: number): Date => new Date(Date.now() + ms);
    try {
      const { entries, again, halted } = await deleting.look(left, leftSince);
      this.context.offer(entries);
      if (again.length === 0 && touched.length === 0) return true;
      const ageMs = Date.now() - leftSince.getTime();
      await outbox.keepLeft(
        { id, touched, left: again, leftSince },
        inMs(halted || again.length === 0 ? tuning.captureDueMs : nextLook(ageMs)),
      );
    } catch (error) {
      // Only the end of this leader aborts the search. The capture stays in the outbox.
      if (hasCode(error, 'CANCELLED')) return false;
      events.emit('failed', {
        doing: `checking whether ${JSON.stringify(left[0])} was deleted`,
        error,
      });
      await outbox.postpone(id, inMs(tuning.captureDueMs), touched).catch(() => {
        // The database is away: the capture is still there and becomes due by itself.
      });
    }
    return false;
  }
}
