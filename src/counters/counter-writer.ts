import { randomBytes } from 'node:crypto';
import { hasErrorCode } from '../model/errors.js';
import type { EventBus } from '../model/events.js';
import type { HostId } from '../model/host.js';
import { withTimeout } from '../util/with-timeout.js';
import { countEvents } from './count-events.js';
import type { CounterBatch, CounterStore } from './counter-store.js';
import { Tally } from './counter-sums.js';

/** Where the counts of this process go. */
interface CounterTarget {
  readonly store: CounterStore;
  readonly me: HostId;
  /** The time by the database's clock, as far as this process knows it. */
  readonly now: Date;
}

interface CounterSource {
  readonly events: EventBus;
  /** False on a machine without a host id, which starts no timer. */
  isRegistered(): boolean;
  /** Undefined before the database was opened: counts are kept until then. */
  open(): CounterTarget | undefined;
}

interface CounterTimes {
  /** How long counts are summed up before they are written. */
  readonly everyMs: number;
  /** How long one write may take before it counts as failed. */
  readonly writeMs: number;
  /** How long the last write may take when the instance is closed. */
  readonly closeMs: number;
}

const defaultTimes: Omit<CounterTimes, 'everyMs'> = { writeMs: 10_000, closeMs: 2_000 };
const hourMs = 3_600_000;

/**
 * Counts the events of a process in memory, and adds the sums to the database every ten seconds.
 * While nothing happens there is no timer and no write.
 *
 * At most one batch is under way. A batch whose write failed, or was not answered in time, is
 * written again with its number, so the store counts it once. New counts go to the next batch.
 */
export class CounterWriter {
  private readonly process = randomBytes(8).toString('hex');
  private readonly tally = new Tally();
  private readonly stopCounting: () => void;
  private unstored: CounterBatch | undefined;
  private lastNumber = 0;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;
  private closed = false;
  private cleanedHour: number | undefined;

  private readonly times: CounterTimes;

  constructor(
    private readonly source: CounterSource,
    times: Pick<CounterTimes, 'everyMs'> & Partial<CounterTimes>,
  ) {
    this.times = { ...defaultTimes, ...times };
    this.stopCounting =
      times.everyMs === Infinity
        ? () => undefined
        : countEvents(source.events, this.tally, () => {
            if (source.isRegistered()) this.timer ??= this.schedule();
          });
  }

  /** Writes the sums, but does not wait for a database that does not answer. */
  async close(): Promise<void> {
    this.closed = true;
    this.stopCounting();
    clearTimeout(this.timer);
    const last = (this.writing ?? Promise.resolve()).then(() => this.write());
    await withTimeout(last, this.times.closeMs, 'the database').catch(() => undefined);
  }

  private schedule(): NodeJS.Timeout {
    return setTimeout(() => {
      this.writing = this.write().finally(() => {
        this.writing = undefined;
        this.timer = undefined;
        if (!this.closed && (this.unstored || !this.tally.isEmpty)) this.timer = this.schedule();
      });
    }, this.times.everyMs).unref();
  }

  /** Never rejects. */
  private async write(): Promise<void> {
    try {
      const target = this.source.open();
      if (!target) return;
      // After a failure the old batch goes first, and the new counts follow in the same turn.
      for (let isRetry = this.unstored !== undefined; ; isRetry = false) {
        this.unstored ??= this.takeBatch(target.now);
        if (!this.unstored) return;
        await withTimeout(this.store(target, this.unstored), this.times.writeMs, 'the database');
        this.unstored = undefined;
        if (!isRetry) return;
      }
    } catch (error) {
      // A connection that the application has closed is no news, and the counts are kept.
      if (!this.closed && !hasErrorCode(error, 'NO_CONNECTION'))
        this.source.events.emit('failed', { doing: 'storing counters', error });
    }
  }

  private takeBatch(at: Date): CounterBatch | undefined {
    if (this.tally.isEmpty) return undefined;
    return { ...this.tally.take(), number: ++this.lastNumber, at };
  }

  private async store({ store, me }: CounterTarget, batch: CounterBatch): Promise<void> {
    await store.add({ host: me, process: this.process }, batch);
    const hour = Math.floor(batch.at.getTime() / hourMs);
    if (hour === this.cleanedHour) return;
    this.cleanedHour = hour;
    await store.removeOldMinutes();
    await store.forgetOldWriters(me);
  }
}
