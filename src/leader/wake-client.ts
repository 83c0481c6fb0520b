import { connect, type Socket } from 'node:net';
import { messageLimit, readLines, socketPath, type Hint } from './wake-socket.js';

export interface WakeClientDeps {
  readonly stateDir: string;
  /** Makes captures due at once that the leader has not accepted. Must not reject. */
  makeDue(ids: readonly string[]): Promise<void>;
  /** Called when the process that listened has ended or is about to. */
  onGone?(): void;
}

/** A hint that the leader has not acknowledged yet. */
interface Waiting {
  readonly hint: Hint;
  readonly line: string;
  readonly answer?: (taken: boolean) => void;
}

/** In milliseconds. A leader that acknowledges nothing for so long is stuck. */
const takenMs = 2_000;
const firstRetryMs = 20,
  longestRetryMs = 500;
/**
 * How often it tries to announce captures that were made due. The next leader finds them by
 * itself.
 */
const tries = 10;
const waitingLimit = 10_000;

/**
 * Sends hints to the leader. A hint counts once the leader has acknowledged it. The captures of
 * all other hints are made due at once, and the next process that listens is told to check the
 * outbox. While `watch` is on it keeps a connection open; its end shows that the leader
 * has ended.
 */
export class WakeClient {
  private socket: Socket | undefined;
  private number = 0;
  private bytes = 0;
  private readonly waiting = new Map<number, Waiting>();
  /** Captures to make due, in few calls. */
  private dueIds: string[] = [];
  private storing: Promise<void> | undefined;
  /** The hint for the next listener: everything that nobody acknowledged. */
  private missed: Hint | undefined;
  private telling = false;
  private failures = 0;
  private notBefore = 0;
  private retry: NodeJS.Timeout | undefined;
  private late: NodeJS.Timeout | undefined;
  private watching = false;
  private closed = false;

  constructor(private readonly deps: WakeClientDeps) {}

  /** Neither throws nor waits. */
  tell(hint: Hint): void {
    if (this.closed) this.miss([hint]);
    else this.add(hint);
  }

  /** Whether the leader answers within this many milliseconds. */
  async ask(ms: number): Promise<boolean> {
    if (this.closed) return false;
    let late: NodeJS.Timeout | undefined;
    try {
      return await new Promise<boolean>((resolve) => {
        late = setTimeout(() => {
          resolve(false);
        }, ms);
        this.add({}, resolve);
      });
    } finally {
      clearTimeout(late);
    }
  }

  /**
   * Sets whether a connection stays open. When that ends, unacknowledged captures are made due.
   */
  watch(watching: boolean): void {
    this.watching = watching && !this.closed;
    if (!watching) {
      clearTimeout(this.retry);
      this.retry = undefined;
      this.failures = this.notBefore = 0;
      this.socket?.destroy();
      this.giveUp();
    }
    this.connectSoon();
  }

  /** Makes all unacknowledged captures due. */
  async close(): Promise<void> {
    this.closed = true;
    this.watching = false;
    clearTimeout(this.retry);
    this.socket?.destroy();
    this.giveUp();
    await this.storing;
  }

  private add(hint: Hint, answer?: (taken: boolean) => void): void {
    const number = ++this.number;
    const line = `${JSON.stringify({ ...hint, number })}\n`;
    if (
      line.length > messageLimit ||
      this.bytes + line.length > 8 * messageLimit ||
      this.waiting.size >= waitingLimit
    ) {
      answer?.(false);
      this.miss([hint]);
      this.tellMissed();
      return;
    }
    this.waiting.set(number, { hint, line, ...(answer && { answer }) });
    this.bytes += line.length;
    if (this.socket?.readyState === 'open') this.write(this.socket, line);
    else this.connectSoon();
  }

  private write(socket: Socket, line: string): void {
    socket.write(line);
    // The process stays alive until its hints were acknowledged or have failed.
    socket.ref();
    this.late ??= setTimeout(() => {
      this.socket?.destroy();
    }, takenMs).unref();
  }

  private connectSoon(): void {
    if (this.socket || this.closed) return;
    const isUrgent = this.waiting.size > 0;
    if (this.retry) {
      if (isUrgent) this.retry.ref();
      return;
    }
    if (!isUrgent && !this.watching && (!this.missed || this.failures > tries)) return;
    const delay = this.notBefore - performance.now();
    if (delay <= 0) return this.open();
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.open();
    }, delay);
    if (!isUrgent) this.retry.unref();
  }

  private open(): void {
    const socket = connect(socketPath(this.deps.stateDir));
    this.socket = socket;
    let isThere = false;
    socket.on('connect', () => {
      isThere = true;
      socket.unref();
      for (const { line } of this.waiting.values()) this.write(socket, line);
      // Only an answer shows that the listening process is at work.
      if (this.watching) this.add({});
      this.tellMissed();
    });
    readLines(socket, (line) => {
      this.noteTaken(socket, Number(line));
    });
    socket.on('error', () => {
      /* No process leads now. */
    });
    socket.on('close', () => {
      this.end(isThere);
    });
  }

  private noteTaken(socket: Socket, number: number): void {
    this.failures = 0;
    const taken = this.waiting.get(number);
    if (!taken) return;
    this.waiting.delete(number);
    this.bytes -= taken.line.length;
    taken.answer?.(true);
    clearTimeout(this.late);
    this.late = undefined;
    if (this.waiting.size === 0) {
      socket.unref();
      this.tellMissed();
    } else
      this.late = setTimeout(() => {
        socket.destroy();
      }, takenMs).unref();
  }

  private end(wasThere: boolean): void {
    this.socket = undefined;
    clearTimeout(this.late);
    this.late = undefined;
    this.giveUp();
    if (this.closed) return;
    this.notBefore =
      performance.now() + Math.min(longestRetryMs, firstRetryMs * 2 ** this.failures++);
    if (wasThere) this.deps.onGone?.();
    this.connectSoon();
  }

  private giveUp(): void {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    this.bytes = 0;
    for (const { answer } of all) answer?.(false);
    this.miss(all.map(({ hint }) => hint));
  }

  private miss(hints: readonly Hint[]): void {
    const ids = hints.flatMap(({ captures = [] }) => captures.map(({ id }) => id));
    const all = this.missed ? [...hints, this.missed] : hints;
    const run = all.some((hint) => hint.run),
      look = ids.length > 0 || all.some((hint) => hint.look);
    this.missed = run || look ? { ...(run && { run }), ...(look && { look }) } : undefined;
    if (ids.length === 0) return;
    for (const id of ids) this.dueIds.push(id);
    this.storing ??= this.store().finally(() => {
      this.storing = undefined;
    });
  }

  private async store(): Promise<void> {
    while (this.dueIds.length > 0) await this.deps.makeDue(this.dueIds.splice(0));
  }

  /**
   * Sends the missed hint after its captures were made due; otherwise the leader would not find
   * them.
   */
  private tellMissed(): void {
    if (!this.missed || this.telling) return;
    this.telling = true;
    void Promise.resolve(this.storing).then(() => {
      this.telling = false;
      const { missed } = this;
      if (!missed || this.socket?.readyState !== 'open') return this.connectSoon();
      // Wait until there is room again.
      if (this.waiting.size > 0) return;
      this.missed = undefined;
      this.add(missed);
    });
  }
}
