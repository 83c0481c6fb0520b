import type { LeaderContext } from '../../context/leader-context.js';
import { computeBackoff } from '../../decisions/backoff.js';
import type { Entry } from '../../model/entry.js';
import { getErrorMessage, hasErrorCode } from '../../model/errors.js';
import type { RecordRequest } from '../../model/history.js';
import type { Path } from '../../model/path.js';
import type { History } from '../../transport/history.js';
import type { LeaderJob } from '../leader-job.js';
import type { HistoryStateStore } from '../history-state.js';
import { toRecordRequest } from './to-record-request.js';

/** Milliseconds from a version's entry to its record, so that its deliveries begin first. */
const DELAY_MS = 250;
/** Versions that one call of the history records. */
const BATCH = 200;
/** So many versions are kept in memory until they are recorded. The ledger names the others. */
const MAX_QUEUED = 2_000;
const MAX_QUEUED_BYTES = 64 * 1024 * 1024;

/**
 * Records each version that this host captures in its history, behind the deliveries. The entry
 * says that its version is not recorded yet. So nothing is forgotten when this process ends, and
 * no failure of the history concerns a delivery.
 */
export class RecordHistory implements LeaderJob {
  readonly name = 'recording the history';
  private readonly ending = new AbortController();
  private readonly queue: RecordRequest[] = [];
  private queuedBytes = 0;
  private unsubscribe: (() => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isOpen = false;
  /** Entries may wait in the ledger that are not in the queue. */
  private hasMore = true;
  private after: Path | undefined;
  private failures = 0;
  private nextTryAt = 0;

  constructor(
    private readonly context: Pick<
      LeaderContext,
      'backend' | 'ledger' | 'me' | 'events' | 'tuning' | 'replica' | 'onEntries'
    >,
    private readonly state: HistoryStateStore,
    private readonly onRecorded: () => void,
  ) {}

  async start(): Promise<void> {
    if (!this.context.backend.history) {
      await this.state.withdraw();
      return;
    }
    this.unsubscribe = this.context.onEntries((entries) => {
      this.enqueue(entries);
    });
    this.runSoon();
  }

  poll(): void {
    if (this.hasMore || this.queue.length > 0) this.runSoon();
  }

  pollThoroughly(): void {
    this.hasMore = true;
    this.runSoon();
  }

  async close(): Promise<void> {
    this.unsubscribe?.();
    this.ending.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  /**
   * Keeps the bytes of small files that were just read. The app may replace a file before its
   * version is recorded.
   */
  private enqueue(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.unrecorded !== true || entry.capturedBy !== this.context.me) continue;
      const bytes = this.findBytes(entry);
      const size = bytes?.length ?? 0;
      if (this.queue.length >= MAX_QUEUED || this.queuedBytes + size > MAX_QUEUED_BYTES) {
        this.hasMore = true;
        continue;
      }
      this.queuedBytes += size;
      this.queue.push({ ...toRecordRequest(entry), ...(bytes && { bytes }) });
    }
    if (this.queue.length > 0) this.runSoon();
  }

  private findBytes({ path, info }: Entry): Uint8Array | undefined {
    if (info?.sha256 === undefined) return undefined;
    try {
      const recent = this.context.replica.findCached(path);
      return recent?.info.sha256 === info.sha256 ? recent.bytes : undefined;
    } catch {
      // The file cannot be looked at now. Recording it meets the same error, and reports it.
      return undefined;
    }
  }

  private runSoon(): void {
    const { history } = this.context.backend;
    if (!history || this.running || this.timer || this.ending.signal.aborted) return;
    const wait = Math.max(DELAY_MS, this.nextTryAt - performance.now());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.running = this.run(history).finally(() => {
        this.running = undefined;
        if (this.queue.length > 0) this.runSoon();
      });
    }, wait);
    this.timer.unref();
  }

  /** Never rejects. */
  private async run(history: History): Promise<void> {
    const { signal } = this.ending;
    let taken: readonly RecordRequest[] = [];
    try {
      if (!this.isOpen) {
        await history.open(signal);
        await this.state.announce(history);
        this.isOpen = true;
      }
      let hasRecorded = false;
      for (;;) {
        taken = await this.take();
        if (taken.length === 0) break;
        await this.record(history, taken, signal);
        hasRecorded = true;
      }
      this.failures = 0;
      await this.state.recordFailure(undefined);
      if (hasRecorded) this.onRecorded();
    } catch (error) {
      // The entries still say that they are not recorded; the queue has the bytes.
      this.putBack(taken);
      if (signal.aborted || hasErrorCode(error, 'CANCELLED')) return;
      await this.handleFailure(error);
    }
  }

  private async take(): Promise<readonly RecordRequest[]> {
    if (this.ending.signal.aborted) return [];
    if (this.queue.length > 0) {
      const taken = this.queue.splice(0, BATCH);
      for (const { bytes } of taken) this.queuedBytes -= bytes?.length ?? 0;
      return taken;
    }
    if (!this.hasMore) return [];
    const { ledger, me } = this.context;
    const entries = await ledger.findUnrecorded(me, BATCH, this.after);
    this.after = entries.length < BATCH ? undefined : entries.at(-1)?.path;
    this.hasMore = this.after !== undefined;
    return entries.map(toRecordRequest);
  }

  private putBack(taken: readonly RecordRequest[]): void {
    this.hasMore = true;
    this.after = undefined;
    for (const request of taken) {
      const size = request.bytes?.length ?? 0;
      if (size === 0 || this.queuedBytes + size > MAX_QUEUED_BYTES) continue;
      this.queuedBytes += size;
      this.queue.unshift(request);
    }
  }

  private async record(
    history: History,
    taken: readonly RecordRequest[],
    signal: AbortSignal,
  ): Promise<void> {
    const unrecorded = await history.record(taken, signal);
    const retried = new Set(
      unrecorded.filter(({ failure }) => failure.retryable).map(({ request }) => request),
    );
    for (const { failure } of unrecorded)
      this.context.events.emit('failed', {
        doing: this.name,
        error: Object.assign(new Error(failure.message), { code: failure.code }),
      });
    await this.context.ledger.markRecorded(taken.filter((request) => !retried.has(request)));
  }

  private async handleFailure(error: unknown): Promise<void> {
    const { events, tuning } = this.context;
    this.failures++;
    this.isOpen = false;
    this.nextTryAt =
      performance.now() +
      computeBackoff(this.failures, tuning.backoffMs, tuning.backoffMaxMs, Math.random());
    events.emit('failed', { doing: this.name, error });
    await this.state.recordFailure(error).catch((failed: unknown) => {
      events.emit('failed', {
        doing: 'storing why the history fails',
        error: new Error(getErrorMessage(failed), { cause: failed }),
      });
    });
    this.runSoon();
  }
}
