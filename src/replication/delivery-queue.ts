import type { LeaderContext } from '../context/leader-context.js';
import { getErrorMessage } from '../model/errors.js';
import { FailingDirs } from './failing-dirs.js';
import { HostBackoff } from './host-backoff.js';
import { PendingWrites } from './pending-writes.js';
import { SentVersions } from './sent-versions.js';
import { computeBlockedRetry } from '../decisions/backoff.js';
import { planDelivery, takeBatch } from '../decisions/plan.js';
import { acknowledgeKept } from '../decisions/transitions.js';
import { allowsPath, capturesOwnFiles } from '../decisions/wants.js';
import type { Change, DeliveryOutcome } from '../model/change.js';
import type { Entry } from '../model/entry.js';
import type { Failure } from '../model/failure.js';
import type { Host, HostId, DeliveryState } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { SyncDir } from '../model/sync-dir.js';

export type DeliveryQueueContext = Pick<
  LeaderContext,
  | 'backend'
  | 'ledger'
  | 'acknowledger'
  | 'events'
  | 'tuning'
  | 'me'
  | 'registry'
  | 'dirs'
  | 'findSyncDir'
  | 'recheckPaths'
  | 'requestCheck'
  | 'notifyReceiver'
>;

/**
 * Failures by something that blocks the path there and may be removed, for example by a delete
 * that has yet to arrive.
 */
const obstacleCodes: readonly string[] = ['NOT_A_FILE', 'SYMLINK_IN_PATH'];

/**
 * Delivers to one host, one batch at a time: at once when idle, in larger batches under load. A
 * failing host backs off this queue and no other; a failing path is blocked and delays nothing.
 * Entries that do not fit into memory are found again in the ledger.
 */
export class DeliveryQueue {
  private readonly entries = new Map<Path, Entry>();
  private readonly sent = new SentVersions();
  private readonly ending = new AbortController();
  private running: Promise<void> | undefined;
  private mayHaveMore = true;
  private readonly prepared = new Set<Path>();
  /**
   * Writes of outcomes that run during the next batch. If one fails, the queue waits and finds
   * the pending entries in the ledger.
   */
  private readonly pendingWrites = new PendingWrites();
  private readonly failingDirs: FailingDirs;
  private readonly backoff: HostBackoff;
  private deliveredAt: Date | undefined;
  private recordedAt = -Infinity;

  constructor(
    readonly id: HostId,
    private readonly context: DeliveryQueueContext,
  ) {
    this.failingDirs = new FailingDirs(context.tuning);
    this.backoff = new HostBackoff(
      context.tuning,
      (signal) => this.takesConnection(signal),
      () => {
        this.wake();
      },
    );
    // Checks a failure that an earlier process recorded; otherwise the status would show it until
    // the next delivery.
    const earlierState = context.registry.find(context.me)?.deliveries[id];
    this.deliveredAt = earlierState?.deliveredAt;
    if (!earlierState?.failure) return;
    this.backoff.countEarlierFailure(earlierState.failingSince);
  }

  /** Enqueues entries that were just written here, ahead of those in the database. */
  enqueue(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (this.sent.has(entry)) continue;
      if (this.entries.size < this.context.tuning.queueEntries || this.entries.has(entry.path))
        this.entries.set(entry.path, entry);
      else this.mayHaveMore = true;
    }
    this.startRun();
  }

  /** Call this when the ledger may have more pending entries than the queue knows. */
  wake(): void {
    this.mayHaveMore = true;
    this.startRun();
  }

  /** Whether the queue is backing off: nothing is sent before the timer fires. */
  get isBackingOff(): boolean {
    return this.backoff.isWaiting;
  }

  /** Whether a sync dir that failed is to be checked again now. */
  get hasDueDirs(): boolean {
    return this.failingDirs.listDue().length > 0;
  }

  get isDelivering(): boolean {
    return this.running !== undefined;
  }

  /**
   * Retries at once despite the backoff, because a person requested it or the host was heard of.
   */
  retryNow(): void {
    this.backoff.end();
    this.failingDirs.retryNow();
    this.wake();
  }

  async close(): Promise<void> {
    this.ending.abort();
    this.backoff.end();
    await this.running;
    // Failed writes leave their entries pending in the ledger.
    await this.pendingWrites.waitForAll().catch(() => undefined);
  }

  private startRun(): void {
    if (this.running || this.backoff.isWaiting || this.ending.signal.aborted) return;
    this.running = this.deliverAll()
      .catch((error: unknown) => {
        this.context.events.emit('failed', { doing: `delivering to ${this.id}`, error });
        if (!this.ending.signal.aborted) this.backOff();
      })
      .finally(() => {
        this.running = undefined;
        if ((this.entries.size > 0 || this.mayHaveMore) && this.findSendableHost()) this.startRun();
      });
  }

  private findSendableHost(): Host | undefined {
    const host = this.context.registry.find(this.id);
    return host?.status === 'approved' && !this.ending.signal.aborted && !this.backoff.isWaiting
      ? host
      : undefined;
  }

  private async deliverAll(): Promise<void> {
    for (;;) {
      const host = this.findSendableHost();
      if (!host) return;
      if (this.entries.size === 0 && this.mayHaveMore) await this.refill();
      if (this.pendingWrites.size >= this.context.tuning.queueEntries)
        await this.pendingWrites.waitForAll();
      const { batchFiles, batchBytes } = this.context.tuning;
      const batch = takeBatch(this.entries.values(), { files: batchFiles, bytes: batchBytes });
      if (batch.length === 0) {
        await this.pendingWrites.waitForAll();
        if (this.mayHaveMore || this.entries.size > 0) continue;
        await this.probe(host);
        return;
      }
      for (const { path } of batch) this.entries.delete(path);
      this.sent.setUnderWay(batch);
      await this.deliverBatch(host, batch).finally(() => {
        this.sent.setUnderWay([]);
      });
    }
  }

  private async refill(): Promise<void> {
    const { ledger, me, tuning } = this.context;
    // Outcomes that are not stored yet still count as pending there.
    await this.pendingWrites.waitForAll();
    // Set before the query, so that a wake-up during the query is not lost.
    this.mayHaveMore = false;
    const entries = await ledger.findPending(
      this.id,
      me,
      tuning.queueEntries,
      this.failingDirs.listWaiting(),
    );
    if (entries.length >= tuning.queueEntries) this.mayHaveMore = true;
    for (const entry of entries)
      if (!this.entries.has(entry.path)) this.entries.set(entry.path, entry);
  }

  private async deliverBatch(host: Host, batch: readonly Entry[]): Promise<void> {
    const { context } = this;
    const { ledger, me } = context;
    const { changes, unwanted, unsendable } = planDelivery(
      host,
      batch,
      ({ path }) =>
        context.findSyncDir(path) ??
        (context.dirs.current().findFor(path) ? 'excluded' : undefined),
    );
    for (const entry of unwanted) await ledger.releaseHost(entry, host.id);
    for (const entry of unsendable) await ledger.removeHolder(entry, me);
    if (changes.every(({ dir }) => this.failingDirs.isWaiting(dir.path))) return;
    const failure = await this.prepare(host, new Set(changes.map(({ dir }) => dir)));
    if (failure) return this.recordFailure(failure);
    const sendable = changes.filter(({ dir }) => !this.failingDirs.isWaiting(dir.path));
    const { delivered, hostFailure } = await this.sendChanges(
      host,
      sendable,
      new Map(batch.map((entry) => [entry.path, entry])),
    );
    if (hostFailure) await this.recordFailure(hostFailure);
    else await this.recordSuccess(delivered);
  }

  private async sendChanges(
    host: Host,
    changes: readonly Change[],
    entries: ReadonlyMap<Path, Entry>,
  ): Promise<{ delivered: number; hostFailure?: Failure }> {
    const { context } = this;
    if (changes.length === 0) return { delivered: 0 };
    let delivered = 0,
      hostFailure: Failure | undefined;
    const movedEntries: Entry[] = [];
    const begun = performance.now();
    try {
      for await (const outcome of context.backend.send(host, changes, this.ending.signal)) {
        const entry = entries.get(outcome.change.path);
        context.events.emit('outcome', {
          host: host.id,
          outcome,
          ms: performance.now() - begun,
          ...(entry && measureSinceSave(entry, host)),
        });
        if (!entry) continue;
        if (outcome.result === 'delivered') {
          delivered++;
          this.sent.addDelivered(entry);
        }
        if (outcome.result === 'changed' || outcome.result === 'vanished') movedEntries.push(entry);
        else if (outcome.result === 'failed' && outcome.failure.scope === 'host') {
          if (!this.recordDirFailure(outcome.change.dir, outcome.failure))
            hostFailure = outcome.failure;
        } else if (outcome.result === 'failed' && this.ending.signal.aborted) {
          // The path may have failed because of the abort, so it stays pending.
        } else this.pendingWrites.add(this.applyOutcome(entry, outcome));
      }
    } catch (error) {
      hostFailure = {
        code: 'TRANSFER_FAILED',
        message: getErrorMessage(error),
        retryable: true,
        scope: 'host',
      };
    }
    if (movedEntries.length > 0) await this.reconcileMoved(movedEntries);
    if (delivered > 0) context.notifyReceiver(host.id, delivered);
    return { delivered, ...(hostFailure ? { hostFailure } : {}) };
  }

  /**
   * Prepares sync dirs. Returns the failure that keeps the whole host from receiving; a sync dir
   * that fails alone is left out for a while.
   */
  private async prepare(host: Host, dirs: ReadonlySet<SyncDir>): Promise<Failure | undefined> {
    for (const dir of dirs) {
      if (this.prepared.has(dir.path) || this.failingDirs.isWaiting(dir.path)) continue;
      const failure = await this.context.backend.prepare(host, [dir], this.ending.signal);
      if (!failure) this.prepared.add(dir.path);
      else if (!this.recordDirFailure(dir, failure)) return failure;
    }
    return undefined;
  }

  /**
   * Checks a host, and sync dirs, that failed last and have nothing pending any more. Only a
   * connection shows whether the host works again. A sync dir that it no longer gets fails at
   * nothing.
   */
  private async probe(host: Host): Promise<void> {
    const due = this.failingDirs.listDue();
    if (due.length === 0 && !this.backoff.isFailing) return;
    const wanted = this.context.dirs
      .current()
      .list.filter(({ path }) => due.includes(path) && allowsPath(host, path));
    const unwanted = due.filter((path) => !wanted.some((dir) => dir.path === path));
    for (const path of unwanted) this.failingDirs.clear(path);
    const failure =
      (this.backoff.isFailing
        ? await this.context.backend.prepare(host, [], this.ending.signal)
        : undefined) ?? (await this.prepare(host, new Set(wanted)));
    if (failure) await this.recordFailure(failure);
    else await this.recordSuccess(0, unwanted.length > 0);
  }

  /** Whether a failure concerns only one sync dir, on either side. Records it if so. */
  private recordDirFailure(dir: SyncDir, failure: Failure): boolean {
    if (failure.code !== 'NO_MARKER') return false;
    this.prepared.delete(dir.path);
    if (this.failingDirs.isWaiting(dir.path)) return true;
    const nextTryAt = this.failingDirs.recordFailure(dir.path, failure);
    this.context.events.emit('failing', { host: this.id, dir: dir.path, failure, nextTryAt });
    return true;
  }

  /** Applies an outcome that concerns this path alone to its entry. */
  private async applyOutcome(entry: Entry, outcome: DeliveryOutcome): Promise<void> {
    const { ledger, acknowledger, events, tuning } = this.context;
    if (outcome.result === 'delivered') {
      await acknowledger.acknowledge(entry.path, entry.version, this.id, outcome.sha256);
    } else if (outcome.result === 'kept') {
      await this.requestCheck(entry.path);
      await ledger.transitionLatest(entry.path, (now) =>
        acknowledgeKept(now, entry.version, this.id),
      );
    } else if (outcome.result === 'refused' || outcome.result === 'failed') {
      const { failure } = outcome;
      const since = entry.blocked.find(({ host }) => host === this.id)?.since ?? new Date();
      const nextTryAt =
        outcome.result === 'failed' || obstacleCodes.includes(failure.code)
          ? computeBlockedRetry(since, new Date(), tuning.blockedRetryMs, tuning.blockedRetryMaxMs)
          : undefined;
      await ledger.blockDelivery(entry, this.id, failure, since, nextTryAt);
      events.emit('blocked', {
        path: entry.path,
        host: this.id,
        failure,
        ...(nextTryAt && { nextTryAt }),
      });
    }
  }

  /**
   * Requests that the host checks the path again. It may have checked the path while the sent
   * bytes lay there, and taken them for bytes that its app saved. Only another check captures the
   * bytes that were put back.
   */
  private async requestCheck(path: Path): Promise<void> {
    const host = this.context.registry.find(this.id);
    if (host && capturesOwnFiles(host)) await this.context.requestCheck(this.id, path);
  }

  /**
   * The source file is not the version: a newer version follows, or no host can send it for now.
   */
  private async reconcileMoved(movedEntries: readonly Entry[]): Promise<void> {
    await this.context.recheckPaths(movedEntries.map(({ path }) => path));
    const later = new Date(Date.now() + this.context.tuning.captureDueMs);
    for (const entry of movedEntries) await this.context.ledger.postpone(entry, later);
  }

  private async recordFailure(failure: Failure): Promise<void> {
    if (this.ending.signal.aborted) return;
    this.prepared.clear();
    const { failingSince, nextTryAt } = this.backOff();
    this.context.events.emit('failing', { host: this.id, failure, nextTryAt });
    // The queue backs off already. An error here must not count as a second failure.
    await this.context.registry
      .recordDeliveryState(this.id, {
        ...this.describeDelivery(),
        failure,
        failingSince,
        nextTryAt,
      })
      .catch((error: unknown) => {
        this.context.events.emit('failed', { doing: `recording a failure of ${this.id}`, error });
      });
  }

  private async takesConnection(signal: AbortSignal): Promise<boolean> {
    const host = this.context.registry.find(this.id);
    return host !== undefined && (await this.context.backend.takesConnection(host, signal));
  }

  private backOff(): ReturnType<HostBackoff['begin']> {
    this.entries.clear();
    this.mayHaveMore = true;
    return this.backoff.begin();
  }

  /**
   * Records that the host works, apart from sync dirs that fail by themselves.
   *
   * @param recovered whether something that failed does so no more
   */
  private async recordSuccess(delivered: number, recovered = false): Promise<void> {
    if (delivered > 0) this.deliveredAt = new Date();
    let works = recovered || this.backoff.isFailing;
    for (const dir of this.prepared) if (this.failingDirs.clear(dir)) works = true;
    this.backoff.reset();
    const failing = this.failingDirs.findOldest();
    if (works && !failing) this.context.events.emit('recovered', { host: this.id });
    // The status shows when it last worked, so not every batch is recorded.
    if (!works && !failing && performance.now() - this.recordedAt < 2_000) return;
    this.recordedAt = performance.now();
    await this.context.registry.recordDeliveryState(this.id, {
      ...this.describeDelivery(),
      ...(failing
        ? { failure: failing.failure, failingSince: failing.since, nextTryAt: failing.nextTryAt }
        : {}),
    });
  }

  private describeDelivery(): DeliveryState {
    return this.deliveredAt ? { deliveredAt: this.deliveredAt } : {};
  }
}

/**
 * How long ago a save made this version. Absent for versions of scans and runs, and for hosts that
 * came later than the save.
 */
function measureSinceSave(
  { savedBy, capturedAt }: Entry,
  { createdAt }: Host,
): { savedMs: number } | undefined {
  return savedBy && capturedAt >= createdAt
    ? { savedMs: Date.now() - capturedAt.getTime() }
    : undefined;
}
