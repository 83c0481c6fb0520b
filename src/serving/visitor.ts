import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Signals that abort when a connection ends: one listener for each connection, however many
 * requests a visitor sends on it.
 */
const ends = new WeakMap<Socket, AbortSignal>();

/** The receiver of a response: whether it is still connected, and when it takes more bytes. */
export class Visitor {
  private isGone = false;
  private leaving: AbortController | undefined;
  private readonly connection: AbortSignal | undefined;
  private wake = (): void => undefined;
  private readonly leave = (): void => {
    this.isGone = true;
    this.leaving?.abort();
    this.wake();
  };
  private readonly onDrain = (): void => {
    this.wake();
  };

  /**
   * @param stalledMs how long a visitor may take nothing before the response is destroyed, in
   *   milliseconds
   */
  constructor(
    private readonly response: ServerResponse,
    private readonly stalledMs: number,
  ) {
    response.on('close', this.leave).on('drain', this.onDrain);
    // A response that waits behind another one on its connection gets no event when that
    // connection ends.
    if (response.socket === null) {
      this.connection = findEnd(response.req.socket);
      this.connection.addEventListener('abort', this.leave);
    }
    if (response.destroyed || this.connection?.aborted) this.leave();
  }

  get left(): boolean {
    return this.isGone;
  }

  /** Aborts once the visitor is gone. Made on first use, since most responses do not need it. */
  get gone(): AbortSignal {
    this.leaving ??= new AbortController();
    if (this.isGone) this.leaving.abort();
    return this.leaving.signal;
  }

  /** Resolves when the visitor has taken the written bytes, or is gone. */
  async takes(): Promise<void> {
    if (this.isGone) return;
    const stalled = setTimeout(() => {
      this.response.destroy();
      this.leave();
    }, this.stalledMs);
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    clearTimeout(stalled);
  }

  /** Removes the listeners. The visitor is not used after that. */
  release(): void {
    this.response.off('close', this.leave).off('drain', this.onDrain);
    this.connection?.removeEventListener('abort', this.leave);
  }
}

function findEnd(socket: Socket): AbortSignal {
  const known = ends.get(socket);
  if (known) return known;
  const ended = new AbortController();
  if (socket.destroyed) ended.abort();
  else
    socket.once('close', () => {
      ended.abort();
    });
  // Each response that waits its turn on the connection adds a listener.
  setMaxListeners(0, ended.signal);
  ends.set(socket, ended.signal);
  return ended.signal;
}
