import type { LeaderContext } from '../../context/leader-context.js';
import { computeBackoff } from '../../decisions/backoff.js';
import type { Entry } from '../../model/entry.js';
import { getErrorMessage, hasErrorCode } from '../../model/errors.js';
import type { Failure } from '../../model/failure.js';
import type { RecordRequest } from '../../model/history.js';
import type { Host } from '../../model/host.js';
import type { Path } from '../../model/path.js';
import type { History } from '../../transport/history.js';
import type { HistoryStateStore } from '../history-state.js';
import type { LeaderJob } from '../leader-job.js';
import { RecordQueue, type QueuedVersion } from '../record-queue.js';
import { listRecordedHosts } from '../recorded-hosts.js';
import { VersionBytes } from '../version-bytes.js';
import { giveWay, GIVE_WAY_MS } from './give-way.js';
import { listRecordRequests } from './to-record-request.js';

/** Milliseconds from a version's entry to its record, so that its deliveries begin first. */
const DELAY_MS = 250;
/** Milliseconds in which a leader that ends records what only its memory has. */
const CLOSE_MS = 2_000;
/** Versions that one call of the history records. */
const BATCH = 200;

/**
 * Records each version that this host captures in its history, behind the deliveries. The entry
 * says that its version is not recorded yet, also after another version has replaced it. So nothing
 * is forgotten when this process ends, and no failure of the history concerns a delivery.
 */
export class RecordHistory implements LeaderJob {
  readonly name = 'recording the history';
  private readonly ending = new AbortController();
  private readonly queue: RecordQueue;
  private readonly bytes: VersionBytes;
  private unsubscribe: (() => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isOpen = false;
  private isClosing = false;
  /** Entries may wait in the ledger that are not in the queue. */
  private hasMore = true;
  private after: Path | undefined;
  private failures = 0;
  private nextTryAt = 0;

  constructor(
    private readonly context: Pick<
      LeaderContext,
      | 'backend'
      | 'config'
      | 'disk'
      | 'events'
      | 'forgotten'
      | 'isDelivering'
      | 'ledger'
      | 'me'
      | 'onEntries'
      | 'registry'
      | 'replica'
      | 'tuning'
    >,
    private readonly state: HistoryStateStore,
    private readonly onRecorded: () => void,
  ) {
    const { backend, history } = context.config;
    this.queue = new RecordQueue(
      context.replica,
      backend === 'git-annex' ? history.maxBytes : history.maxFileBytes,
    );
    this.bytes = new VersionBytes(context);
  }

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
    clearTimeout(this.timer);
    this.isClosing = true;
    await this.recordQueued();
    this.ending.abort();
    await this.running;
    this.queue.clear();
  }

  /** The next leader has the ledger, but not the bytes that the app has replaced meanwhile. */
  private async recordQueued(): Promise<void> {
    const { history } = this.context.backend;
    if (!history || (this.queue.length === 0 && !this.running)) return;
    const limit = setTimeout(() => {
      this.ending.abort();
    }, CLOSE_MS);
    await this.running;
    this.hasMore = false;
    if (this.queue.length > 0) await this.run(history);
    clearTimeout(limit);
  }

  private enqueue(entries: readonly Entry[]): void {
    const { me } = this.context;
    for (const entry of entries) {
      // Versions that it replaced are most likely in the queue. The ledger names the others.
      if (entry.toRecord?.some(({ by }) => by === me)) this.hasMore = true;
      if (entry.unrecorded !== true || entry.capturedBy !== me) continue;
      if (!this.queue.add(entry)) this.hasMore = true;
    }
    this.poll();
  }

  private runSoon(): void {
    const { history } = this.context.backend;
    if (!history || this.running || this.timer || this.isClosing) return;
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
    let taken: readonly QueuedVersion[] = [];
    this.bytes.startRound();
    try {
      if (!this.isOpen) {
        await this.state.announce(history, await history.open(signal));
        this.isOpen = true;
      }
      let hasRecorded = false;
      const end = performance.now() + GIVE_WAY_MS;
      for (;;) {
        await giveWay(this.context, end, signal, () => this.queue.isNearlyFull || this.isClosing);
        taken = await this.take();
        if (signal.aborted || (taken.length === 0 && !this.hasMore)) break;
        if (taken.length === 0) continue;
        await this.record(history, taken);
        this.queue.release(taken);
        taken = [];
        hasRecorded = true;
      }
      this.failures = 0;
      await this.state.recordFailure(undefined);
      if (hasRecorded) this.onRecorded();
    } catch (error) {
      // The entries still say that they are not recorded; the queue has the bytes.
      this.hasMore = true;
      this.after = undefined;
      this.queue.putBack(taken);
      if (signal.aborted || hasErrorCode(error, 'CANCELLED')) return;
      await this.handleFailure(error);
    }
  }

  private async take(): Promise<readonly QueuedVersion[]> {
    if (this.ending.signal.aborted) return [];
    if (this.queue.length > 0) return this.queue.take(BATCH);
    if (!this.hasMore) return [];
    const { ledger } = this.context;
    const hosts = listRecordedHosts(this.context, recordsNone);
    const entries = await ledger.findUnrecorded(hosts, BATCH, this.after);
    this.after = entries.length < BATCH ? undefined : entries.at(-1)?.path;
    this.hasMore = this.after !== undefined;
    const requests = entries.flatMap((entry) => listRecordRequests(entry, hosts));
    return (await this.dropForgotten(requests)).map((request) => ({ request }));
  }

  /** A person asked to forget these paths after their versions were captured. */
  private async dropForgotten(requests: readonly RecordRequest[]): Promise<RecordRequest[]> {
    const { ledger, forgotten } = this.context;
    const replaced = requests.filter(({ replacedAt }) => replacedAt);
    if (replaced.length === 0) return [...requests];
    const last = await forgotten.findLast(replaced.map(({ path }) => path));
    const isForgotten = ({ path, at }: RecordRequest): boolean =>
      at <= (last.get(path) ?? new Date(0));
    const dropped = new Set(replaced.filter(isForgotten));
    await ledger.markRecorded([...dropped]);
    return requests.filter((request) => !dropped.has(request));
  }

  private async record(history: History, taken: readonly QueuedVersion[]): Promise<void> {
    const { signal } = this.ending;
    const requests = await Promise.all(
      taken.map(async ({ request, opened }) => {
        const file = await opened;
        return file ? { ...request, file } : request;
      }),
    );
    const unrecorded = await history.record(requests, signal);
    const done = new Set(requests);
    for (const { request, failure, isGone } of unrecorded) {
      const isRecorded = isGone
        ? await this.recordElsewhere(history, request, failure)
        : !failure.retryable;
      if (!isRecorded) done.delete(request);
      if (isGone !== true) this.report(failure);
    }
    await this.context.ledger.markRecorded([...done]);
  }

  /** Records a version that is no longer at its path. Returns false if that has to wait. */
  private async recordElsewhere(
    history: History,
    { file: _, bytes: __, ...request }: RecordRequest,
    failure: Failure,
  ): Promise<boolean> {
    const { signal } = this.ending;
    const found = await this.bytes.find(request, signal);
    if (found === 'later') return false;
    if (found === 'lost') {
      this.report(failure);
      await history.record([{ ...request, isLost: true }], signal);
      return true;
    }
    try {
      const [unrecorded] = await history.record([{ ...request, file: found }], signal);
      if (unrecorded) this.report(unrecorded.failure);
      return unrecorded === undefined || !(unrecorded.failure.retryable || unrecorded.isGone);
    } finally {
      await found.close();
    }
  }

  private report({ code, message }: Failure): void {
    this.context.events.emit('failed', {
      doing: this.name,
      error: Object.assign(new Error(message), { code }),
    });
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

/** Versions of such a host fall to another one. */
function recordsNone({ status, backend }: Host): boolean {
  return status === 'retired' || backend === 'rsync';
}
