import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { bounded } from '../bounded.js';
import { messageOf, SyncMediaError } from '../errors/errors.js';
import type { Log } from '../log.js';
import { judgeRival, type Rival } from '../planning/rival.js';
import type { Failure, HostId } from '../words.js';
import { encodeKey, type HostRow, type HostRows } from './host-model.js';
import { describeProcess, isProcessDead, nameProcess } from './process-identity.js';

export interface LeaseOptions {
  rows: () => HostRows;
  host: HostId;
  /** Milliseconds without a beat after which the lease may be taken. */
  leaseMs: number;
  beatMs: number;
  log: Log;
  /** The Unix socket that the holder listens at; left out: nobody is known to be dead by it. */
  socketPath?: string;
  /** Written when the lease is taken. */
  software?: HostRow['software'];
  /** Told once, when another machine was seen working with this host id; this one has stopped for good. */
  onCloned?: (error: SyncMediaError) => void;
  /** Default: this boot of this machine. Two rivals with different ones are on two machines. */
  bootId?: string;
}

type LeaseRow = NonNullable<HostRow['lease']>;

/** Where the row says that two machines share one host id. */
const CLONED = `halted.${encodeKey('HOST_CLONED')}`;
const RELEASE_MS = 2000;
/** Who was told that the lease becomes free looks this often, for so long. */
const HURRY_MS = 50;
const HURRIED_MS = 2_000;
/** Two machines with one boot id (a copy of a running one) would take the lease from one another for ever. */
const MAX_REVIVALS = 3;

/**
 * The right of one process on a host to fold, run its lanes and its runs. The holder raises a counter in the host's row. A challenger takes
 * the lease by compare-and-set: at once where the holder has certainly ended (`process-identity.ts`), else when it has seen the counter
 * unchanged for `leaseMs` on its own monotonic clock. The holder stops relying on the lease a tenth earlier, counted from when it *sent*
 * the last beat that was answered. No wall clock takes part.
 */
export class Lease {
  /** Who asks, for the others: the process, and chance. */
  readonly holder: string;
  private readonly bootId: string;
  private readonly listeners = new Set<(held: boolean) => void>();
  private heldUntil = 0;
  private said = false;
  private expiry: NodeJS.Timeout | undefined;
  private stopping: AbortController | undefined;
  private loop: Promise<void> | undefined;
  private released: Promise<void> | undefined;
  private pausing = new AbortController();
  private hurriedUntil = 0;
  /** The number of the last beat sent. One that is carried out late finds a higher one, and changes nothing. */
  private sent = 0;
  /** The file of the socket that this process listens at as the holder. */
  private socket: string | undefined;
  /** The rival's beat as first seen, and when. */
  private rival: Rival | undefined;
  /** From whom the lease was last taken because it had ended, and how often such a one was seen with it again. */
  private heldForDead: string | undefined;
  private revivals = 0;
  /** A mark from before this process; only a new one is about it. */
  private oldMark: string | undefined;
  private looked = false;
  private unregistered = false;
  private lastWarning = '';

  constructor(private readonly options: LeaseOptions) {
    const [bootId = '', ...rest] = describeProcess().split(':');
    this.bootId = options.bootId ?? bootId;
    this.holder = [this.bootId, ...rest, randomBytes(8).toString('hex')].join(':');
  }

  /** Whether this process holds the lease, by its own deadline: false also while the database is away for too long. */
  held(): boolean {
    return performance.now() < this.heldUntil;
  }

  /** Whether no process gets the lease of this host for now: it is not registered, or runs on two machines. */
  isHopeless(): boolean {
    return this.unregistered || this.stopping?.signal.aborted === true;
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

  /** The holder has ended, or is about to give the lease back: looks at once, and again all the time for two seconds. */
  hurry(): void {
    this.hurriedUntil = performance.now() + HURRIED_MS;
    this.pausing.abort();
  }

  /**
   * Beats tell from now on that the holder listens at this file (device and inode). Others take the lease at once when nobody listens
   * there any more. So undefined is announced before the socket is closed, and whoever works on afterwards confirms the lease first.
   */
  announce(socket: string | undefined): void {
    this.socket = socket;
    this.pausing.abort();
  }

  /** Beats, and tells whether the lease is still this process's. @throws where the database does not answer within the lease time */
  async confirm(): Promise<boolean> {
    const { signal } = this.stopping ?? {};
    const confirm = async (): Promise<boolean> => {
      // A beat that a later one has overtaken confirms nothing, and says nothing against it.
      while (signal && this.held()) if (await this.beat(signal)) return this.held();
      return false;
    };
    return bounded(confirm(), this.options.leaseMs, 'the database');
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
      this.pausing = new AbortController();
      try {
        // The driver's own limits are longer than a lease, or there are none (a connection that is silent).
        await bounded(this.tick(signal), this.options.leaseMs, 'the database');
      } catch (error) {
        if (!signal.aborted) this.warn(`the lease of this host could not be looked after: ${messageOf(error)}`);
      }
      const hurries = !this.held() && performance.now() < this.hurriedUntil;
      // Jitter, so that rivals do not all look at the same moment.
      const pauseMs = hurries ? HURRY_MS : this.options.beatMs * (0.75 + Math.random() * 0.25);
      await sleep(pauseMs, undefined, { signal: AbortSignal.any([signal, this.pausing.signal]), ref: false }).catch(() => undefined);
    }
  }

  private async tick(signal: AbortSignal): Promise<void> {
    if (this.held() && (await this.beat(signal))) return;
    const row = await this.options.rows().findOne({ _id: this.options.host }, { projection: { lease: 1, status: 1, halted: 1 } });
    if (signal.aborted) return;
    this.unregistered = !row || row.status === 'retired';
    if (!row || this.unregistered) {
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
    const sentAt = performance.now(), number = ++this.sent;
    const row = await this.options.rows().findOneAndUpdate(
      { _id: this.options.host, status: { $ne: 'retired' }, 'lease.holder': this.holder, 'lease.beat': { $lt: number } },
      { $set: { 'lease.beat': number, ...(this.socket !== undefined && { 'lease.socket': this.socket }) }, ...(this.socket === undefined && { $unset: { 'lease.socket': 1 } }) },
      { returnDocument: 'after', projection: { halted: 1 }, includeResultMetadata: false },
    );
    if (!row) {
      // A later beat may have overtaken this one.
      if (number === this.sent) this.lose();
    } else if (!this.checkMark(row)) this.gain(sentAt, signal);
    return row !== null;
  }

  private async challenge(lease: LeaseRow, signal: AbortSignal): Promise<void> {
    const { options: { leaseMs }, bootId } = this;
    if (lease.holder === this.heldForDead) {
      this.heldForDead = undefined;
      if (++this.revivals === MAX_REVIVALS) {
        this.options.log.warn(`${nameProcess(lease.holder)} holds the lease of this host again and again although it seems to have ended, as on a machine and its copy: from now on only its silence counts`);
      }
    }
    const { verdict, rival } = judgeRival(this.rival, lease, { now: performance.now(), leaseMs, bootId });
    this.rival = rival;
    const isDead = verdict === 'wait' && await this.isDead(lease);
    if (verdict === 'cloned') await this.markClone(lease.holder);
    else if (isDead || verdict === 'take') {
      if (isDead) this.heldForDead = lease.holder;
      await this.take({ 'lease.holder': lease.holder, 'lease.beat': lease.beat }, signal);
    }
  }

  private async isDead({ holder, socket }: LeaseRow): Promise<boolean> {
    const { socketPath } = this.options;
    return this.revivals < MAX_REVIVALS && isProcessDead(holder, socket !== undefined && socketPath !== undefined ? { path: socketPath, inode: socket } : undefined);
  }

  private async take(where: object, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const sentAt = performance.now(), number = ++this.sent;
    const { rows, host, software } = this.options;
    const row = await rows().findOneAndUpdate(
      { _id: host, status: { $ne: 'retired' }, ...where },
      { $set: { lease: { holder: this.holder, beat: number }, ...(software && { software }) }, $unset: { [CLONED]: 1 } },
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
    // The lease's time had passed before this answer came, and the timer that tells so may fire later. A caller that looked in between has begun nothing.
    if (!this.held()) this.lose();
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
