import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { bounded } from '../bounded.js';
import { messageOf, SyncMediaError } from '../errors/errors.js';
import type { Log } from '../log.js';
import type { Failure, HostId } from '../words.js';
import { readBootId } from './boot-id.js';
import { encodeKey, type HostRow, type HostRows } from './host-model.js';

export interface LeaseOptions {
  rows: () => HostRows;
  host: HostId;
  /** Milliseconds without a beat after which the lease may be taken. */
  leaseMs: number;
  beatMs: number;
  log: Log;
  /** Written when the lease is taken. */
  software?: HostRow['software'];
  /** Told once, when another machine was seen working with this host id; this one has stopped for good. */
  onCloned?: (error: SyncMediaError) => void;
  /** Default: this boot of this machine. Two rivals with different ones are on two machines. */
  bootId?: string;
}

/** Where the row says that two machines share one host id. */
const CLONED = `halted.${encodeKey('HOST_CLONED')}`;
const RELEASE_MS = 2000;

/**
 * The right of one process on a host to fold, run its lanes and its runs. The holder raises a counter in the host's row; a
 * challenger that has seen the counter unchanged for `leaseMs` on its own monotonic clock takes the lease by compare-and-set. The
 * holder stops relying on it a tenth earlier, counted from when it *sent* the last beat that was answered. No wall clock takes part.
 */
export class Lease {
  /** Boot id, process and chance: who asks, for the others. */
  readonly holder: string;
  private readonly bootId: string;
  private readonly listeners = new Set<(held: boolean) => void>();
  private heldUntil = 0;
  private said = false;
  private expiry: NodeJS.Timeout | undefined;
  private stopping: AbortController | undefined;
  private loop: Promise<void> | undefined;
  private released: Promise<void> | undefined;
  /** The rival's beat as first seen, and when. */
  private rival: { holder: string; beat: number; since: number } | undefined;
  /** A mark from before this process; only a new one is about it. */
  private oldMark: string | undefined;
  private looked = false;
  private lastWarning = '';

  constructor(private readonly options: LeaseOptions) {
    this.bootId = options.bootId ?? readBootId();
    this.holder = `${this.bootId}:${String(process.pid)}:${randomBytes(8).toString('hex')}`;
  }

  /** Whether this process holds the lease, by its own deadline: false also while the database is away for too long. */
  held(): boolean {
    return performance.now() < this.heldUntil;
  }

  onChange(listener: (held: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }

  /** Begins to try for the lease. Idempotent. */
  start(): void {
    if (this.stopping) return;
    this.stopping = new AbortController();
    this.loop = this.run(this.stopping.signal);
  }

  /** Gives the lease back, so that another process takes it at once; bounded by four seconds. Idempotent. */
  async stop(): Promise<void> {
    if (!this.stopping || !this.loop) return;
    this.stopping.abort();
    this.lose();
    // A take that is under way would come after the release and leave the lease to nobody.
    await bounded(this.loop, RELEASE_MS, 'the database').catch(() => undefined);
    await (this.released ??= this.release());
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        // The driver's own limits are longer than a lease, or there are none (a connection that is silent).
        await bounded(this.tick(signal), this.options.leaseMs, 'the database');
      } catch (error) {
        if (!signal.aborted) this.warn(`the lease of this host could not be looked after: ${messageOf(error)}`);
      }
      // Jitter, so that rivals do not all look at the same moment.
      await sleep(this.options.beatMs * (0.75 + Math.random() * 0.25), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  private async tick(signal: AbortSignal): Promise<void> {
    if (this.held() && (await this.beat(signal))) return;
    const row = await this.options.rows().findOne({ _id: this.options.host }, { projection: { lease: 1, status: 1, halted: 1 } });
    if (signal.aborted) return;
    if (!row || row.status === 'retired') {
      this.warn(row ? 'this host was unregistered: run `syncmedia init` to register it anew' : 'this host is not in the database: run `syncmedia init`');
      return;
    }
    if (this.checkMark(row)) return;
    this.lastWarning = '';
    if (!row.lease) await this.take({ lease: { $exists: false } }, signal);
    else if (row.lease.holder === this.holder) await this.beat(signal); // A take or beat that we had given up was carried out.
    else await this.challenge(row.lease, signal);
  }

  /** @returns false where the lease is not ours any more */
  private async beat(signal: AbortSignal): Promise<boolean> {
    const sentAt = performance.now();
    const row = await this.options.rows().findOneAndUpdate(
      { _id: this.options.host, status: { $ne: 'retired' }, 'lease.holder': this.holder },
      { $inc: { 'lease.beat': 1 } },
      { returnDocument: 'after', projection: { halted: 1 }, includeResultMetadata: false },
    );
    if (!row) this.lose();
    else if (!this.checkMark(row)) this.gain(sentAt, signal);
    return row !== null;
  }

  private async challenge(lease: { holder: string; beat: number }, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const before = this.rival;
    if (before?.holder !== lease.holder || before.beat !== lease.beat) {
      this.rival = { ...lease, since: now };
      // It beat while we looked: it is alive. With another boot id that is another machine.
      const alive = before?.holder === lease.holder;
      if (alive && lease.holder.split(':')[0] !== this.bootId) await this.markClone(lease.holder);
    } else if (now - before.since >= this.options.leaseMs) {
      await this.take({ 'lease.holder': lease.holder, 'lease.beat': lease.beat }, signal);
    }
  }

  private async take(where: object, signal: AbortSignal): Promise<void> {
    const sentAt = performance.now();
    const { rows, host, software } = this.options;
    const row = await rows().findOneAndUpdate(
      { _id: host, status: { $ne: 'retired' }, ...where },
      { $set: { lease: { holder: this.holder, beat: 0 }, ...(software && { software }) }, $unset: { [CLONED]: 1 } },
      { projection: { _id: 1 }, includeResultMetadata: false },
    );
    if (row) this.gain(sentAt, signal);
  }

  /** Tells the other machine through the row, where every process of either finds it. */
  private async markClone(other: string): Promise<void> {
    const failure: Failure = {
      code: 'HOST_CLONED', of: 'host', retryable: false,
      message: `two machines run with the host id ${this.options.host} (${other} and ${this.holder}): remove the state folder on the copy and run \`syncmedia init\` there, then restart both`,
    };
    const row = await this.options.rows().findOneAndUpdate(
      { _id: this.options.host, 'lease.holder': other }, { $set: { [CLONED]: failure } }, { returnDocument: 'after', projection: { halted: 1 }, includeResultMetadata: false },
    );
    if (row) this.checkMark(row);
  }

  /** Stops for good where the row has a mark of our own time. @returns whether it has */
  private checkMark(row: Pick<HostRow, 'halted'>): boolean {
    const mark = (row.halted as HostRow['halted'] | undefined)?.[encodeKey('HOST_CLONED')]?.message;
    if (!this.looked) {
      this.looked = true;
      this.oldMark = mark;
    }
    if (mark === undefined || mark === this.oldMark) return false;
    this.stopping?.abort();
    this.lose();
    const error = new SyncMediaError('HOST_CLONED', mark);
    this.options.log.error(mark);
    this.options.onCloned?.(error);
    this.released ??= this.release();
    return true;
  }

  private gain(sentAt: number, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.rival = undefined;
    this.lastWarning = '';
    // An answer may come late, after that to a later beat.
    this.heldUntil = Math.max(this.heldUntil, sentAt + this.options.leaseMs * 0.9);
    clearTimeout(this.expiry);
    this.expiry = setTimeout(() => { this.lose(); }, this.heldUntil - performance.now()).unref();
    this.tell();
  }

  private lose(): void {
    this.heldUntil = 0;
    clearTimeout(this.expiry);
    this.tell();
  }

  private tell(): void {
    const held = this.held();
    if (held === this.said) return;
    this.said = held;
    for (const listener of this.listeners) listener(held);
  }

  private async release(): Promise<void> {
    const give = async (): Promise<unknown> => this.options.rows().updateOne({ _id: this.options.host, 'lease.holder': this.holder }, { $unset: { lease: 1 } });
    await bounded(give(), RELEASE_MS, 'the database').catch((error: unknown) => {
      this.options.log.warn(`the lease could not be given back, another process takes it after ${String(this.options.leaseMs / 1000)} s: ${messageOf(error)}`);
    });
  }

  /** The same warning once, not at every beat. */
  private warn(message: string): void {
    if (message !== this.lastWarning) this.options.log.warn(message);
    this.lastWarning = message;
  }
}
