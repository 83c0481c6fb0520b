import { connect, type Socket } from 'node:net';
import { messageLimit, readLines, getWakeSocketPath, type LeaderHint } from './wake-socket.js';

export interface WakeClientDeps {
  readonly stateDir: string;
  /** Makes captures due at once that the leader has not accepted. Must not reject. */
  makeDue(ids: readonly string[]): Promise<void>;
  /** Called when the process that listened has ended or is about to. */
  onLeaderGone?(): void;
}

/** A hint that the leader has not acknowledged yet. */
interface UnacknowledgedHint {
  readonly hint: LeaderHint;
  readonly line: string;
  readonly resolve?: (acknowledged: boolean) => void;
}

/** In milliseconds. A leader that acknowledges nothing for so long is stuck. */
const acknowledgeMs = 2_000;
const firstRetryMs = 20,
  longestRetryMs = 500;
/**
 * How often it tries to announce captures that were made due. The next leader finds them by
 * itself.
 */
const maxTries = 10;
const waitingLimit = 10_000;

/**
 * Sends hints to the leader. A hint counts once the leader has acknowledged it. The captures of
 * all other hints are made due at once, and the next process that listens is told to check the
 * outbox. While `keepConnected` is on it keeps a connection open; its end shows that the leader
 * has ended.
 */
export class WakeClient {
  private socket: Socket | undefined;
  private number = 0;
  private bytes = 0;
  private readonly waiting = new Map<number, UnacknowledgedHint>();
  /** Captures to make due, in few calls. */
  private dueIds: string[] = [];
  private makingDue: Promise<void> | undefined;
  /** The hint for the next listener: everything that nobody acknowledged. */
  private missed: LeaderHint | undefined;
  private isSendingMissed = false;
  private failures = 0;
  private notBefore = 0;
  private retry: NodeJS.Timeout | undefined;
  private late: NodeJS.Timeout | undefined;
  private keepsConnection = false;
  private closed = false;

  constructor(private readonly deps: WakeClientDeps) {}

  /** Neither throws nor waits. */
  sendHint(hint: LeaderHint): void {
    if (this.closed) this.recordMissed([hint]);
    else this.queueHint(hint);
  }

  /** Whether the leader answers within this many milliseconds. */
  async ping(ms: number): Promise<boolean> {
    if (this.closed) return false;
    let timeout: NodeJS.Timeout | undefined;
    try {
      return await new Promise<boolean>((resolve) => {
        timeout = setTimeout(() => {
          resolve(false);
        }, ms);
        this.queueHint({}, resolve);
      });
    } finally {
      clearTimeout(timeout);
    }
  }

  /**
   * Sets whether a connection stays open. When that ends, unacknowledged captures are made due.
   */
  keepConnected(keepsConnection: boolean): void {
    this.keepsConnection = keepsConnection && !this.closed;
    if (!keepsConnection) {
      clearTimeout(this.retry);
      this.retry = undefined;
      this.failures = this.notBefore = 0;
      this.socket?.destroy();
      this.failWaiting();
    }
    this.connectSoon();
  }

  /** Makes all unacknowledged captures due. */
  async close(): Promise<void> {
    this.closed = true;
    this.keepsConnection = false;
    clearTimeout(this.retry);
    this.socket?.destroy();
    this.failWaiting();
    await this.makingDue;
  }

  private queueHint(hint: LeaderHint, resolve?: (acknowledged: boolean) => void): void {
    const number = ++this.number;
    const line = `${JSON.stringify({ ...hint, number })}\n`;
    if (
      line.length > messageLimit ||
      this.bytes + line.length > 8 * messageLimit ||
      this.waiting.size >= waitingLimit
    ) {
      resolve?.(false);
      this.recordMissed([hint]);
      this.sendMissed();
      return;
    }
    this.waiting.set(number, { hint, line, ...(resolve && { resolve }) });
    this.bytes += line.length;
    if (this.socket?.readyState === 'open') this.writeLine(this.socket, line);
    else this.connectSoon();
  }

  private writeLine(socket: Socket, line: string): void {
    socket.write(line);
    // The process stays alive until its hints were acknowledged or have failed.
    socket.ref();
    this.late ??= setTimeout(() => {
      this.socket?.destroy();
    }, acknowledgeMs).unref();
  }

  private connectSoon(): void {
    if (this.socket || this.closed) return;
    const isUrgent = this.waiting.size > 0;
    if (this.retry) {
      if (isUrgent) this.retry.ref();
      return;
    }
    if (!isUrgent && !this.keepsConnection && (!this.missed || this.failures > maxTries)) return;
    const delay = this.notBefore - performance.now();
    if (delay <= 0) return this.openSocket();
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.openSocket();
    }, delay);
    if (!isUrgent) this.retry.unref();
  }

  private openSocket(): void {
    const socket = connect(getWakeSocketPath(this.deps.stateDir));
    this.socket = socket;
    let isConnected = false;
    socket.on('connect', () => {
      isConnected = true;
      socket.unref();
      for (const { line } of this.waiting.values()) this.writeLine(socket, line);
      // Only an answer shows that the listening process is at work.
      if (this.keepsConnection) this.queueHint({});
      this.sendMissed();
    });
    readLines(socket, (line) => {
      this.acknowledge(socket, Number(line));
    });
    socket.on('error', () => {
      /* No process leads now. */
    });
    socket.on('close', () => {
      this.handleClose(isConnected);
    });
  }

  private acknowledge(socket: Socket, number: number): void {
    this.failures = 0;
    const acknowledged = this.waiting.get(number);
    if (!acknowledged) return;
    this.waiting.delete(number);
    this.bytes -= acknowledged.line.length;
    acknowledged.resolve?.(true);
    clearTimeout(this.late);
    this.late = undefined;
    if (this.waiting.size === 0) {
      socket.unref();
      this.sendMissed();
    } else
      this.late = setTimeout(() => {
        socket.destroy();
      }, acknowledgeMs).unref();
  }

  private handleClose(wasConnected: boolean): void {
    this.socket = undefined;
    clearTimeout(this.late);
    this.late = undefined;
    this.failWaiting();
    if (this.closed) return;
    this.notBefore =
      performance.now() + Math.min(longestRetryMs, firstRetryMs * 2 ** this.failures++);
    if (wasConnected) this.deps.onLeaderGone?.();
    this.connectSoon();
  }

  private failWaiting(): void {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    this.bytes = 0;
    for (const { resolve } of all) resolve?.(false);
    this.recordMissed(all.map(({ hint }) => hint));
  }

  private recordMissed(hints: readonly LeaderHint[]): void {
    const ids = hints.flatMap(({ captures = [] }) => captures.map(({ id }) => id));
    const all = this.missed ? [...hints, this.missed] : hints;
    const run = all.some((hint) => hint.run),
      checkOutbox = ids.length > 0 || all.some((hint) => hint.checkOutbox);
    this.missed =
      run || checkOutbox ? { ...(run && { run }), ...(checkOutbox && { checkOutbox }) } : undefined;
    if (ids.length === 0) return;
    for (const id of ids) this.dueIds.push(id);
    this.makingDue ??= this.makeAllDue().finally(() => {
      this.makingDue = undefined;
    });
  }

  private async makeAllDue(): Promise<void> {
    while (this.dueIds.length > 0) await this.deps.makeDue(this.dueIds.splice(0));
  }

  /**
   * Sends the missed hint after its captures were made due; otherwise the leader would not find
   * them.
   */
  private sendMissed(): void {
    if (!this.missed || this.isSendingMissed) return;
    this.isSendingMissed = true;
    void Promise.resolve(this.makingDue).then(() => {
      this.isSendingMissed = false;
      const { missed } = this;
      if (!missed || this.socket?.readyState !== 'open') return this.connectSoon();
      // Wait until there is room again.
      if (this.waiting.size > 0) return;
      this.missed = undefined;
      this.queueHint(missed);
    });
  }
}
