import type { Backend } from '../transport/backend.js';
import { messageOf } from '../model/errors.js';
import type { EventBus } from '../model/events.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Settler } from '../ledger/acknowledge.js';
import type { Tuning } from '../config/config.js';
import { FailingDirs } from './failing-dirs.js';
import { Storing } from './pending-writes.js';
import { backoff, retryBlocked } from '../decisions/backoff.js';
import { plan, takeBatch } from '../decisions/plan.js';
import { settleKept } from '../decisions/transitions.js';
import { captures } from '../decisions/wants.js';
import type {
  Change,
  Entry,
  Failure,
  Host,
  HostId,
  Lane as LaneRecord,
  Outcome,
  Path,
  SyncDir,
  Version,
} from '../model/words.js';

export interface LaneContext {
  readonly backend: Backend;
  readonly ledger: Ledger;
  readonly settler: Settler;
  readonly events: EventBus;
  readonly tuning: Tuning;
  readonly me: HostId;
  /** Finds the host as last read; undefined once it is gone. */
  host(id: HostId): Host | undefined;
  /** Finds the sync dir that contains a path; undefined if a rule excludes the path. */
  dirOf(path: Path): SyncDir | undefined;
  /** Whether the path lies in a sync dir of this host. */
  isOfOurDirs(path: Path): boolean;
  /** Reconciles these paths on this host, because the source file is not the version any more. */
  reconcile(paths: readonly Path[]): Promise<void>;
  /** Requests that a host checks a path on its own disk. Resolves once the request is stored. */
  askToLook(host: HostId, path: Path): Promise<void>;
  /** Stores the state of the deliveries to a host, for the status. */
  record(to: HostId, lane: LaneRecord): Promise<void>;
  /** Notifies the host that it received files. */
  landed(to: HostId, files: number): void;
}

/**
 * Failures by something that blocks the path there and may be removed, for example by a delete
 * that has yet to arrive.
 */
const obstacles: readonly string[] = ['NOT_A_FILE', 'SYMLINK_IN_PATH'];
/** How many delivered versions are remembered, so that a late hint does not send one again. */
const recentLimit = 5_000;

/**
 * Delivers to one host, one batch at a time: at once when idle, in larger batches under load. A
 * failing host backs off this queue and no other; a failing path is blocked and delays nothing.
 * Entries that do not fit into memory are found again in the ledger.
 */
export class Lane {
  private readonly queue = new Map<Path, Entry>();
  private readonly recent = new Map<Path, Version>();
  private readonly ending = new AbortController();
  private running: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private more = true;
  private readonly prepared = new Set<Path>();
  /**
   * Writes of outcomes that run during the next batch. If one fails, the queue waits and finds
   * the pending entries in the ledger.
   */
  private readonly storing = new Storing();
  private readonly failingDirs: FailingDirs;
  private failures = 0;
  private failingSince: Date | undefined;
  private deliveredAt: Date | undefined;
  private recordedAt = -Infinity;
  private waitMs = 0;

  constructor(
    readonly id: HostId,
    private readonly context: LaneContext,
  ) {
    this.failingDirs = new FailingDirs(context.tuning);
    // Checks a failure that an earlier process recorded; otherwise the status would show it until
    // the next delivery.
    const before = context.host(context.me)?.lanes[id];
    this.deliveredAt = before?.deliveredAt;
    if (!before?.failure) return;
    this.failures = 1;
    this.failingSince = before.failingSince;
  }

  /** Enqueues entries that were just written here, ahead of those in the database. */
  offer(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (this.recent.get(entry.path) === entry.version) continue;
      if (this.queue.size < this.context.tuning.laneQueue || this.queue.has(entry.path))
        this.queue.set(entry.path, entry);
      else this.more = true;
    }
    this.begin();
  }

  /** Call this when the ledger may have more pending entries than the queue knows. */
  wake(): void {
    this.more = true;
    this.begin();
  }

  /** Whether the queue is backing off: nothing is sent before the timer fires. */
  get isWaiting(): boolean {
    return this.timer !== undefined;
  }

  /**
   * Retries at once despite the backoff, because a person requested it or the host was heard of.
   */
  retryNow(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.failingDirs.retryNow();
    this.wake();
  }

  async close(): Promise<void> {
    this.ending.abort();
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.running;
    // Failed writes leave their entries pending in the ledger.
    await this.storing.finish().catch(() => undefined);
  }

  private begin(): void {
    if (this.running || this.timer || this.ending.signal.aborted) return;
    this.running = this.run()
      .catch((error: unknown) => {
        this.context.events.emit('failed', { doing: `delivering to ${this.id}`, error });
        this.backOff();
      })
      .finally(() => {
        this.running = undefined;
        if ((this.queue.size > 0 || this.more) && this.isSendable()) this.begin();
      });
  }

  private isSendable(): Host | undefined {
    const host = this.context.host(this.id);
    return host?.status === 'approved' && !this.ending.signal.aborted && !this.timer
      ? host
      : undefined;
  }

  private async run(): Promise<void> {
    for (;;) {
      const host = this.isSendable();
      if (!host) return;
      if (this.queue.size === 0 && this.more) await this.fill();
      if (this.storing.size >= this.context.tuning.laneQueue) await this.storing.finish();
      const { batchFiles, batchBytes } = this.context.tuning;
      const batch = takeBatch(this.queue.values(), { files: batchFiles, bytes: batchBytes });
      if (batch.length === 0) {
        await this.storing.finish();
        if (this.more || this.queue.size > 0) continue;
        if (this.failures > 0) await this.findOut(host);
        return;
      }
      for (const { path } of batch) this.queue.delete(path);
      await this.deliver(host, batch);
    }
  }

  private async fill(): Promise<void> {
    const { ledger, me, tuning } = this.context;
    // Outcomes that are not stored yet still count as pending there.
    await this.storing.finish();
    // Set before the query, so that a wake-up during the query is not lost.
    this.more = false;
    const entries = await ledger.owedTo(this.id, me, tuning.laneQueue, this.failingDirs.waiting());
    if (entries.length >= tuning.laneQueue) this.more = true;
    for (const entry of entries) if (!this.queue.has(entry.path)) this.queue.set(entry.path, entry);
  }

  private async deliver(host: Host, batch: readonly Entry[]): Promise<void> {
    const { context } = this;
    const { ledger, me } = context;
    const { changes, unwanted, unsendable } = plan(
      host,
      batch,
      ({ path }) => context.dirOf(path) ?? (context.isOfOurDirs(path) ? 'excluded' : undefined),
    );
    for (const entry of unwanted) await ledger.release(entry, host.id);
    for (const entry of unsendable) await ledger.leave(entry, me);
    if (changes.every(({ dir }) => this.failingDirs.isWaiting(dir.path))) return;
    const failure = await this.prepare(host, new Set(changes.map(({ dir }) => dir)));
    if (failure) return this.fail(failure);
    const sendable = changes.filter(({ dir }) => !this.failingDirs.isWaiting(dir.path));
    const { delivered, hostFailure } = await this.send(
      host,
      sendable,
      new Map(batch.map((entry) => [entry.path, entry])),
    );
    if (hostFailure) await this.fail(hostFailure);
    else await this.record(delivered);
  }

  private async send(
    host: Host,
    changes: readonly Change[],
    entries: ReadonlyMap<Path, Entry>,
  ): Promise<{ delivered: number; hostFailure?: Failure }> {
    const { context } = this;
    if (changes.length === 0) return { delivered: 0 };
    let delivered = 0,
      hostFailure: Failure | undefined;
    const moved: Entry[] = [];
    try {
      for await (const outcome of context.backend.send(host, changes, this.ending.signal)) {
        context.events.emit('outcome', { host: host.id, outcome });
        const entry = entries.get(outcome.change.path);
        if (!entry) continue;
        if (outcome.result === 'delivered') delivered++;
        if (outcome.result === 'changed' || outcome.result === 'vanished') moved.push(entry);
        else if (outcome.result === 'failed' && outcome.failure.of === 'host') {
          if (!this.isOfDir(outcome.change.dir, outcome.failure)) hostFailure = outcome.failure;
        } else this.storing.add(this.take(entry, outcome));
      }
    } catch (error) {
      hostFailure = {
        code: 'TRANSFER_FAILED',
        message: messageOf(error),
        retryable: true,
        of: 'host',
      };
    }
    if (moved.length > 0) await this.lookAgain(moved);
    if (delivered > 0) context.landed(host.id, delivered);
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
      else if (!this.isOfDir(dir, failure)) return failure;
    }
    return undefined;
  }

  /** Whether a failure concerns only one sync dir, on either side. Records it if so. */
  private isOfDir(dir: SyncDir, failure: Failure): boolean {
    if (failure.code !== 'NO_MARKER') return false;
    this.prepared.delete(dir.path);
    if (this.failingDirs.isWaiting(dir.path)) return true;
    this.failingDirs.fail(dir.path, failure);
    this.context.events.emit('failing', { host: this.id, failure });
    return true;
  }

  /**
   * Checks a host that failed last and has nothing pending any more. Only a connection shows
   * whether it works again.
   */
  private async findOut(host: Host): Promise<void> {
    const failure = await this.context.backend.prepare(host, [], this.ending.signal);
    if (failure) await this.fail(failure);
    else await this.record(0);
  }

  /** Applies an outcome that concerns this path alone to its entry. */
  private async take(entry: Entry, outcome: Outcome): Promise<void> {
    const { ledger, settler, events } = this.context;
    if (outcome.result === 'delivered') {
      await settler.settle(entry.path, entry.version, this.id, outcome.sha256);
      this.remember(entry);
    } else if (outcome.result === 'kept') {
      await this.askToLook(entry.path);
      await ledger.changeNow(entry.path, (now) => settleKept(now, entry.version, this.id));
    } else if (outcome.result === 'refused' || outcome.result === 'failed') {
      const { failure } = outcome;
      const since = entry.blocked.find(({ host }) => host === this.id)?.since ?? new Date();
      await ledger.block(
        entry,
        this.id,
        failure,
        since,
        outcome.result === 'failed' || obstacles.includes(failure.code)
          ? retryBlocked(since, new Date())
          : undefined,
      );
      events.emit('blocked', { path: entry.path, host: this.id, failure });
    }
  }

  /**
   * Requests that the host checks the path again. It may have checked the path while the sent
   * bytes lay there, and taken them for bytes that its app saved. Only another check captures the
   * bytes that were put back.
   */
  private async askToLook(path: Path): Promise<void> {
    const host = this.context.host(this.id);
    if (host && captures(host)) await this.context.askToLook(this.id, path);
  }

  /**
   * The source file is not the version: a newer version follows, or no host can send it for now.
   */
  private async lookAgain(moved: readonly Entry[]): Promise<void> {
    await this.context.reconcile(moved.map(({ path }) => path));
    const later = new Date(Date.now() + this.context.tuning.captureDueMs);
    for (const entry of moved) await this.context.ledger.postpone(entry, later);
  }

  private remember({ path, version }: Entry): void {
    this.recent.delete(path);
    this.recent.set(path, version);
    if (this.recent.size > recentLimit)
      for (const oldest of this.recent.keys()) {
        this.recent.delete(oldest);
        break;
      }
  }

  private async fail(failure: Failure): Promise<void> {
    if (this.ending.signal.aborted) return;
    this.prepared.clear();
    this.failingSince ??= new Date();
    this.backOff();
    const nextTryAt = new Date(Date.now() + this.waitMs);
    this.context.events.emit('failing', { host: this.id, failure });
    await this.context.record(this.id, {
      ...this.delivery(),
      failure,
      failingSince: this.failingSince,
      nextTryAt,
    });
  }

  private backOff(): void {
    const { backoffMs, backoffMaxMs } = this.context.tuning;
    this.queue.clear();
    this.more = true;
    this.waitMs = backoff(++this.failures, backoffMs, backoffMaxMs, Math.random());
    clearTimeout(this.timer);
    if (this.ending.signal.aborted) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.begin();
    }, this.waitMs);
    this.timer.unref();
  }

  /** Records that the host works, apart from sync dirs that fail by themselves. */
  private async record(delivered: number): Promise<void> {
    if (delivered > 0) this.deliveredAt = new Date();
    let works = this.failures > 0;
    for (const dir of this.prepared) if (this.failingDirs.works(dir)) works = true;
    this.failures = 0;
    this.failingSince = undefined;
    const failing = this.failingDirs.first();
    if (works && !failing) this.context.events.emit('recovered', { host: this.id });
    // The status shows when it last worked, so not every batch is recorded.
    if (!works && !failing && performance.now() - this.recordedAt < 2_000) return;
    this.recordedAt = performance.now();
    await this.context.record(this.id, {
      ...this.delivery(),
      ...(failing
        ? { failure: failing.failure, failingSince: failing.since, nextTryAt: failing.nextTryAt }
        : {}),
    });
  }

  private delivery(): LaneRecord {
    return this.deliveredAt ? { deliveredAt: this.deliveredAt } : {};
  }
}
