import type { Backend } from '../backends/backend.js';
import { messageOf } from '../errors/errors.js';
import type { EventBus } from '../events.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Settler } from '../ledger/settle.js';
import type { Tuning } from '../options/config.js';
import { FailingDirs } from './failing-dirs.js';
import { Storing } from './storing.js';
import { backoff, retryBlocked } from '../planning/backoff.js';
import { plan, takeBatch } from '../planning/plan.js';
import { settleKept } from '../planning/transitions.js';
import { captures } from '../planning/wants.js';
import type { Change, Entry, Failure, Host, HostId, Lane as LaneRecord, Outcome, Path, SyncDir, Version } from '../words.js';

export interface LaneContext {
  readonly backend: Backend;
  readonly ledger: Ledger;
  readonly settler: Settler;
  readonly events: EventBus;
  readonly tuning: Tuning;
  readonly me: HostId;
  /** The host as the registry has it now; undefined once it is gone. */
  host(id: HostId): Host | undefined;
  /** The sync dir that rules a path, where no rule excludes it. */
  dirOf(path: Path): SyncDir | undefined;
  /** Whether it lies in a sync dir that this host keeps. */
  isOfOurDirs(path: Path): boolean;
  /** The source is not the version any more: this host looks at these paths again. */
  reconcile(paths: readonly Path[]): Promise<void>;
  /** Has a host look at a path on its own disk; resolves once that is stored. */
  askToLook(host: HostId, path: Path): Promise<void>;
  /** Where status reads how this host gets on with that one. */
  record(to: HostId, lane: LaneRecord): Promise<void>;
  /** Tells the host that files landed there. */
  landed(to: HostId, files: number): void;
}

/** What lies in a path's way may be removed, as by a delete that is still to arrive. */
const obstacles: readonly string[] = ['NOT_A_FILE', 'SYMLINK_IN_PATH'];
/** How many delivered versions are remembered, so that a late hint does not send one again. */
const recentLimit = 5_000;

/**
 * The sequence of deliveries to one host: one batch at a time, begun at once when idle, larger under load. A failing host backs this
 * lane off and no other; a failing path is blocked and delays nothing. What does not fit in memory is found again in the ledger.
 */
export class Lane {
  private readonly queue = new Map<Path, Entry>();
  private readonly recent = new Map<Path, Version>();
  private readonly ending = new AbortController();
  private running: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private more = true;
  private readonly prepared = new Set<Path>();
  /** Outcomes, while the next batch is on its way. Where that fails the lane waits, and finds in the ledger what is owed. */
  private readonly storing = new Storing();
  private readonly failingDirs: FailingDirs;
  private failures = 0;
  private failingSince: Date | undefined;
  private deliveredAt: Date | undefined;
  private recordedAt = -Infinity;
  private waitMs = 0;

  constructor(readonly id: HostId, private readonly context: LaneContext) {
    this.failingDirs = new FailingDirs(context.tuning);
    // A failure that the process before this one recorded is looked at, or status would tell it until the next delivery.
    const before = context.host(context.me)?.lanes[id];
    this.deliveredAt = before?.deliveredAt;
    if (!before?.failure) return;
    this.failures = 1;
    this.failingSince = before.failingSince;
  }

  /** Entries just folded here: they go before what the database has. */
  offer(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (this.recent.get(entry.path) === entry.version) continue;
      if (this.queue.size < this.context.tuning.laneQueue || this.queue.has(entry.path)) this.queue.set(entry.path, entry);
      else this.more = true;
    }
    this.begin();
  }

  /** The ledger may owe this host more than the lane knows. */
  wake(): void {
    this.more = true;
    this.begin();
  }

  /** Backing off: nothing is sent before the timer says so. */
  get isWaiting(): boolean { return this.timer !== undefined; }

  /** Tries at once, although it is backing off; a person asked, or the host was heard of. */
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
    // What failed is found again in the ledger.
    await this.storing.finish().catch(() => undefined);
  }

  private begin(): void {
    if (this.running || this.timer || this.ending.signal.aborted) return;
    this.running = this.run()
      .catch((error: unknown) => {
        this.context.events.emit('failed', { doing: `the lane to ${this.id}`, error });
        this.backOff();
      })
      .finally(() => {
        this.running = undefined;
        if ((this.queue.size > 0 || this.more) && this.isSendable()) this.begin();
      });
  }

  private isSendable(): Host | undefined {
    const host = this.context.host(this.id);
    return host?.status === 'approved' && !this.ending.signal.aborted && !this.timer ? host : undefined;
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
    // What is not stored yet is still owed there.
    await this.storing.finish();
    // Who wakes the lane while the ledger answers is heard.
    this.more = false;
    const entries = await ledger.owedTo(this.id, me, tuning.laneQueue, this.failingDirs.waiting());
    if (entries.length >= tuning.laneQueue) this.more = true;
    for (const entry of entries) if (!this.queue.has(entry.path)) this.queue.set(entry.path, entry);
  }

  private async deliver(host: Host, batch: readonly Entry[]): Promise<void> {
    const { context } = this;
    const { ledger, me } = context;
    const { changes, unwanted, unsendable } = plan(host, batch, ({ path }) => context.dirOf(path) ?? (context.isOfOurDirs(path) ? 'excluded' : undefined));
    for (const entry of unwanted) await ledger.release(entry, host.id);
    for (const entry of unsendable) await ledger.leave(entry, me);
    if (changes.every(({ dir }) => this.failingDirs.isWaiting(dir.path))) return;
    const failure = await this.prepare(host, new Set(changes.map(({ dir }) => dir)));
    if (failure) return this.fail(failure);
    const sendable = changes.filter(({ dir }) => !this.failingDirs.isWaiting(dir.path));
    const { delivered, hostFailure } = await this.send(host, sendable, new Map(batch.map((entry) => [entry.path, entry])));
    if (hostFailure) await this.fail(hostFailure);
    else await this.record(delivered);
  }

  private async send(host: Host, changes: readonly Change[], entries: ReadonlyMap<Path, Entry>): Promise<{ delivered: number; hostFailure?: Failure }> {
    const { context } = this;
    if (changes.length === 0) return { delivered: 0 };
    let delivered = 0, hostFailure: Failure | undefined;
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
      hostFailure = { code: 'TRANSFER_FAILED', message: messageOf(error), retryable: true, of: 'host' };
    }
    if (moved.length > 0) await this.lookAgain(moved);
    if (delivered > 0) context.landed(host.id, delivered);
    return { delivered, ...(hostFailure ? { hostFailure } : {}) };
  }

  /** What keeps the whole host from receiving; a sync dir that alone cannot is left out for a while. */
  private async prepare(host: Host, dirs: ReadonlySet<SyncDir>): Promise<Failure | undefined> {
    for (const dir of dirs) {
      if (this.prepared.has(dir.path) || this.failingDirs.isWaiting(dir.path)) continue;
      const failure = await this.context.backend.prepare(host, [dir], this.ending.signal);
      if (!failure) this.prepared.add(dir.path);
      else if (!this.isOfDir(dir, failure)) return failure;
    }
    return undefined;
  }

  /** Takes note of a failure that concerns one sync dir, on either side. */
  private isOfDir(dir: SyncDir, failure: Failure): boolean {
    if (failure.code !== 'NO_MARKER') return false;
    this.prepared.delete(dir.path);
    if (this.failingDirs.isWaiting(dir.path)) return true;
    this.failingDirs.fail(dir.path, failure);
    this.context.events.emit('failing', { host: this.id, failure });
    return true;
  }

  /** Nothing is owed any more to a host that failed when last heard of: whether it works again only asking tells. */
  private async findOut(host: Host): Promise<void> {
    const failure = await this.context.backend.prepare(host, [], this.ending.signal);
    if (failure) await this.fail(failure);
    else await this.record(0);
  }

  /** What an outcome that concerns this path alone means for its entry. */
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
      await ledger.block(entry, this.id, failure, since, outcome.result === 'failed' || obstacles.includes(failure.code) ? retryBlocked(since, new Date()) : undefined);
      events.emit('blocked', { path: entry.path, host: this.id, failure });
    }
  }

  /**
   * The host may have looked at the path while the bytes that were sent lay there, and taken them for what its app saved. What was put
   * back is captured only if it looks again.
   */
  private async askToLook(path: Path): Promise<void> {
    const host = this.context.host(this.id);
    if (host && captures(host)) await this.context.askToLook(this.id, path);
  }

  /** The source is not the version: what follows is another version, or nobody can send it for now. */
  private async lookAgain(moved: readonly Entry[]): Promise<void> {
    await this.context.reconcile(moved.map(({ path }) => path));
    const later = new Date(Date.now() + this.context.tuning.captureDueMs);
    for (const entry of moved) await this.context.ledger.postpone(entry, later);
  }

  private remember({ path, version }: Entry): void {
    this.recent.delete(path);
    this.recent.set(path, version);
    if (this.recent.size > recentLimit) for (const oldest of this.recent.keys()) { this.recent.delete(oldest); break; }
  }

  private async fail(failure: Failure): Promise<void> {
    if (this.ending.signal.aborted) return;
    this.prepared.clear();
    this.failingSince ??= new Date();
    this.backOff();
    const nextTryAt = new Date(Date.now() + this.waitMs);
    this.context.events.emit('failing', { host: this.id, failure });
    await this.context.record(this.id, { ...this.delivery(), failure, failingSince: this.failingSince, nextTryAt });
  }

  private backOff(): void {
    const { backoffMs, backoffMaxMs } = this.context.tuning;
    this.queue.clear();
    this.more = true;
    this.waitMs = backoff(++this.failures, backoffMs, backoffMaxMs, Math.random());
    clearTimeout(this.timer);
    if (this.ending.signal.aborted) return;
    this.timer = setTimeout(() => { this.timer = undefined; this.begin(); }, this.waitMs);
    this.timer.unref();
  }

  /** The host works, but for sync dirs that fail by themselves. */
  private async record(delivered: number): Promise<void> {
    if (delivered > 0) this.deliveredAt = new Date();
    let works = this.failures > 0;
    for (const dir of this.prepared) if (this.failingDirs.works(dir)) works = true;
    this.failures = 0;
    this.failingSince = undefined;
    const failing = this.failingDirs.first();
    if (works && !failing) this.context.events.emit('recovered', { host: this.id });
    // Status is to say when it last worked, not every batch.
    if (!works && !failing && performance.now() - this.recordedAt < 2_000) return;
    this.recordedAt = performance.now();
    await this.context.record(this.id, {
      ...this.delivery(), ...(failing ? { failure: failing.failure, failingSince: failing.since, nextTryAt: failing.nextTryAt } : {}),
    });
  }

  private delivery(): LaneRecord {
    return this.deliveredAt ? { deliveredAt: this.deliveredAt } : {};
  }
}
