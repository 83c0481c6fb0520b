import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { joinSignals } from '../util/join-signals.js';
import { withTimeout } from '../util/with-timeout.js';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { assessRival, type Rival } from '../decisions/rival.js';
import type { Failure } from '../model/failure.js';
import type { HostId } from '../model/host.js';
import type { HostRow, HostCollection } from '../hosts/host-model.js';
import { type BeatView, findCloneMark, LeaseRow, type LeaseView } from './lease-row.js';
import { describeThisProcess, isProcessDead, nameProcess } from '../state-dir/process-identity.js';

export interface LeaseOptions {
  rows: () => HostCollection;
  host: HostId;
  /** Without a new beat for this many milliseconds another process may take the lease. */
  leaseMs: number;
  beatMs: number;
  log: Log;
  /**
   * The Unix socket on which the leader listens. Without it a dead leader in another pid
   * namespace is recognised only by its silence.
   */
  socketPath?: string;
  /** Stored when the lease is taken. */
  software?: HostRow['software'];
  /**
   * Called when a beat finds that another host has requested a run here: the beat is the one
   * operation that an idle leader sends anyway, and the most frequent one.
   */
  onRunRequested?: () => void;
  /**
   * Called once when another machine works with this host id. This lease has then stopped for
   * good.
   */
  onCloned?: (error: SyncMediaError) => void;
  /**
   * Default: this boot of this machine. Rivals with different boot ids run on different machines.
   */
  bootId?: string;
}

type StoredLease = NonNullable<LeaseView['lease']>;

const RELEASE_MS = 2000;
/** How often, and for how long, a process that knows of a leader's end checks the lease. */
const FAST_POLL_MS = 50;
const FAST_POLL_DURATION_MS = 2_000;
/**
 * Two machines with one boot id (one a copy of the other while it ran) would each consider the
 * other dead and take the lease from each other for ever. After this many times only the counter
 * counts.
 */
const MAX_REVIVALS = 3;

/**
 * Elects the leader of a host: the one process that processes the outbox, the delivery queues and
 * the runs of this host.
 *
 * The leader raises a counter in the host's row. A challenger takes the lease by compare-and-set:
 * at once if the leader has certainly ended (`process-identity.ts`), else after it has seen the
 * counter unchanged for `leaseMs` on its own monotonic clock. The leader stops relying on the
 * lease a tenth of that time earlier, counted from when it *sent* the last answered beat. No wall
 * clock is involved.
 */
export class Lease {
  /** Identifies this process in the lease: its description, and random bytes. */
  readonly candidateId: string;
  private readonly bootId: string;
  private readonly row: LeaseRow;
  private readonly listeners = new Set<(held: boolean) => void>();
  private heldUntil = 0;
  private reportedHeld = false;
  private expiry: NodeJS.Timeout | undefined;
  private stopping: AbortController | undefined;
  private running: Promise<void> | undefined;
  private released: Promise<void> | undefined;
  private pause = new AbortController();
  private fastPollUntil = 0;
  /**
   * The number of the last beat sent. A beat that the database executes late finds a higher
   * number and changes nothing.
   */
  private lastBeatSent = 0;
  /** The file of the socket on which this process listens as leader. */
  private socket: string | undefined;
  /** The rival's beat, and when this process first saw it. */
  private rival: Rival | undefined;
  /**
   * The leader from which the lease was last taken because it had ended, and how often such a
   * leader held the lease again afterwards.
   */
  private presumedDead: string | undefined;
  private revivals = 0;
  /** A mark from before this process started. Only a different mark concerns this process. */
  private oldMark: string | undefined;
  private hasReadMark = false;
  /** As the last beat read it. */
  private requestedRuns: unknown;
  private unregistered = false;
  private lastWarning = '';

  constructor(private readonly options: LeaseOptions) {
    const [bootId = '', ...rest] = describeThisProcess().split(':');
    this.bootId = options.bootId ?? bootId;
    this.candidateId = [this.bootId, ...rest, randomBytes(8).toString('hex')].join(':');
    this.row = new LeaseRow(options.rows, options.host, this.candidateId, options.software);
  }

  /**
   * Whether this process holds the lease, by its own deadline. Also false while the database does
   * not answer for too long.
   */
  isHeld(): boolean {
    return performance.now() < this.heldUntil;
  }

  /**
   * Whether no process can get the lease of this host for now: it is not registered, or runs on
   * two machines.
   */
  isHopeless(): boolean {
    return this.unregistered || this.stopping?.signal.aborted === true;
  }

  onChange(listener: (held: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** Starts trying to get the lease. Idempotent. */
  start(): void {
    if (this.stopping) return;
    this.stopping = new AbortController();
    this.running = this.runLoop(this.stopping.signal);
  }

  /**
   * Checks the lease at once and then very often for two seconds. Call it when the leader has
   * ended or is about to release the lease.
   */
  pollFast(): void {
    this.fastPollUntil = performance.now() + FAST_POLL_DURATION_MS;
    this.pause.abort();
  }

  /**
   * Sets the socket file (device and inode) that the next beats store. Once nobody listens at
   * that file, other processes take the lease at once. So announce undefined before closing a
   * socket, and confirm the lease afterwards before starting anything.
   */
  announceSocket(socket: string | undefined): void {
    this.socket = socket;
    this.pause.abort();
  }

  /**
   * Sends a beat, and tells whether this process still holds the lease.
   * @throws if the database does not answer within the lease time
   */
  async confirm(): Promise<boolean> {
    const { signal } = this.stopping ?? {};
    const confirm = async (): Promise<boolean> => {
      // A later beat may have overtaken this one. Then it proves nothing either way.
      while (signal && this.isHeld()) if (await this.beat(signal)) return this.isHeld();
      return false;
    };
    return withTimeout(confirm(), this.options.leaseMs, 'the database');
  }

  /**
   * Releases the lease, so that another process can take it at once. Takes at most four seconds.
   * Idempotent.
   */
  async stop(): Promise<void> {
    if (!this.stopping || !this.running) return;
    this.stopping.abort();
    this.recordLoss();
    // A challenge in progress could otherwise take the lease after the release, and nobody would
    // use it.
    await withTimeout(this.running, RELEASE_MS, 'the database').catch(() => undefined);
    await (this.released ??= this.release());
  }

  private async runLoop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.pause = new AbortController();
      try {
        // The driver's own timeouts are longer than a lease, and a silent connection may have
        // none.
        await withTimeout(this.renewOrChallenge(signal), this.options.leaseMs, 'the database');
      } catch (error) {
        if (!signal.aborted)
          this.warnOnce(
            `the lease of this host could not be renewed or checked: ${getErrorMessage(error)}`,
          );
      }
      const hurries = !this.isHeld() && performance.now() < this.fastPollUntil;
      // Jitter keeps rivals from checking at the same moment.
      const pauseMs = hurries ? FAST_POLL_MS : this.options.beatMs * (0.75 + Math.random() * 0.25);
      const ending = joinSignals([signal, this.pause.signal]);
      await sleep(pauseMs, undefined, { signal: ending.signal, ref: false })
        .catch(() => undefined)
        .finally(() => {
          ending.release();
        });
    }
  }

  private async renewOrChallenge(signal: AbortSignal): Promise<void> {
    if (this.isHeld() && (await this.beat(signal))) return;
    const row = await this.row.read();
    if (signal.aborted) return;
    this.unregistered = !row || row.status === 'retired';
    if (!row || this.unregistered) {
      this.warnOnce(
        row
          ? 'this host was unregistered: run `syncmedia init` to register it anew'
          : 'this host is not in the database: run `syncmedia init`',
      );
      return;
    }
    if (this.checkMark(row)) return;
    this.lastWarning = '';
    if (!row.lease) await this.acquire({ lease: { $exists: false } }, signal);
    else if (row.lease.leader === this.candidateId)
      await this.beat(signal); // The database executed a take or beat after we had given up on it.
    else await this.challenge(row.lease, signal);
  }

  /** @returns false if this beat did not prove that the lease is ours */
  private async beat(signal: AbortSignal): Promise<boolean> {
    const sentAt = performance.now(),
      number = ++this.lastBeatSent;
    const row = await this.row.beat(number, this.socket);
    if (!row) {
      // A later beat may have overtaken this one.
      if (number === this.lastBeatSent) this.recordLoss();
    } else if (!this.checkMark(row)) {
      this.recordGain(sentAt, signal);
      this.noticeRuns(row);
    }
    return row !== null;
  }

  private noticeRuns({ requestedRuns }: BeatView): void {
    if (Object.is(requestedRuns, this.requestedRuns)) return;
    this.requestedRuns = requestedRuns;
    this.options.onRunRequested?.();
  }

  private async challenge(lease: StoredLease, signal: AbortSignal): Promise<void> {
    const {
      options: { leaseMs },
      bootId,
    } = this;
    if (lease.leader === this.presumedDead) {
      this.presumedDead = undefined;
      if (++this.revivals === MAX_REVIVALS) {
        this.options.log.warn(
          `${nameProcess(lease.leader)} keeps getting the lease of this host although it seems ` +
            `to have ended, as with a machine and its copy: from now on only a counter that ` +
            `stands still counts as its end`,
        );
      }
    }
    const { decision: resolution, rival } = assessRival(this.rival, lease, {
      now: performance.now(),
      leaseMs,
      bootId,
    });
    this.rival = rival;
    const isDead = resolution === 'wait' && (await this.isLeaderDead(lease));
    if (resolution === 'cloned') await this.markClone(lease.leader);
    else if (isDead || resolution === 'take') {
      if (isDead) this.presumedDead = lease.leader;
      await this.acquire({ 'lease.leader': lease.leader, 'lease.beat': lease.beat }, signal);
    }
  }

  private async isLeaderDead({ leader: holder, socket }: StoredLease): Promise<boolean> {
    const { socketPath } = this.options;
    return (
      this.revivals < MAX_REVIVALS &&
      isProcessDead(
        holder,
        socket !== undefined && socketPath !== undefined
          ? { path: socketPath, inode: socket }
          : undefined,
      )
    );
  }

  private async acquire(where: object, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const sentAt = performance.now(),
      number = ++this.lastBeatSent;
    if (await this.row.acquire(where, number)) this.recordGain(sentAt, signal);
  }

  /** Marks the host as cloned in its row, which every process on both machines reads. */
  private async markClone(other: string): Promise<void> {
    const failure: Failure = {
      code: 'HOST_CLONED',
      scope: 'host',
      retryable: false,
      message:
        `two machines run with the host id ${this.options.host} (${other} and ` +
        `${this.candidateId}): remove the state folder on the copy and run \`syncmedia init\` ` +
        `there, ` +
        `then restart both`,
    };
    const row = await this.row.markCloned(other, failure);
    if (row) this.checkMark(row);
  }

  /** Stops for good if the row has a mark of this process's time. @returns whether it has */
  private checkMark(row: Pick<HostRow, 'halted'>): boolean {
    const mark = findCloneMark(row);
    if (!this.hasReadMark) {
      this.hasReadMark = true;
      this.oldMark = mark;
    }
    if (mark === undefined || mark === this.oldMark) return false;
    this.stopping?.abort();
    this.recordLoss();
    const error = new SyncMediaError('HOST_CLONED', mark);
    this.options.log.error(mark);
    this.options.onCloned?.(error);
    this.released ??= this.release();
    return true;
  }

  private recordGain(sentAt: number, signal: AbortSignal): void {
    if (signal.aborted) return;
    // The deadline had passed before this answer came, and the expiry timer may fire even later.
    // Whatever ran under the old deadline must end first.
    if (!this.isHeld()) this.recordLoss();
    this.rival = undefined;
    this.lastWarning = '';
    // The answers of two beats may arrive out of order.
    this.heldUntil = Math.max(this.heldUntil, sentAt + this.options.leaseMs * 0.9);
    clearTimeout(this.expiry);
    this.expiry = setTimeout(() => {
      this.recordLoss();
    }, this.heldUntil - performance.now()).unref();
    this.notifyListeners();
  }

  private recordLoss(): void {
    this.heldUntil = 0;
    clearTimeout(this.expiry);
    this.notifyListeners();
  }

  private notifyListeners(): void {
    const held = this.isHeld();
    if (held === this.reportedHeld) return;
    this.reportedHeld = held;
    for (const listener of this.listeners) listener(held);
  }

  private async release(): Promise<void> {
    await withTimeout(this.row.release(), RELEASE_MS, 'the database').catch((error: unknown) => {
      this.options.log.warn(
        `the lease could not be released, another process takes it after ` +
          `${String(this.options.leaseMs / 1000)} s: ${getErrorMessage(error)}`,
      );
    });
  }

  /** Logs a warning once, not at every beat. */
  private warnOnce(message: string): void {
    if (message !== this.lastWarning) this.options.log.warn(message);
    this.lastWarning = message;
  }
}
