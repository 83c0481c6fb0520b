import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Signals that abort when a connection ends: one listener for each connection, however many
 * requests a visitor sends on it.
 */
const connectionEnds = new WeakMap<Socket, AbortSignal>();

/** The receiver of a response: whether it is still connected, and when it takes more bytes. */
export class Visitor {
  private isGone = false;
  private goneController: AbortController | undefined;
  private readonly connectionEnd: AbortSignal | undefined;
  private wake = (): void => undefined;
  private readonly markGone = (): void => {
    this.isGone = true;
    this.goneController?.abort();
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
    response.on('close', this.markGone).on('drain', this.onDrain);
    // A response that waits behind another one on its connection gets no event when that
    // connection ends.
    if (response.socket === null) {
      this.connectionEnd = getConnectionEnd(response.req.socket);
      this.connectionEnd.addEventListener('abort', this.markGone);
    }
    if (response.destroyed || this.connectionEnd?.aborted) this.markGone();
  }

  get hasLeft(): boolean {
    return this.isGone;
  }

  /** Aborts once the visitor is gone. Made on first use, since most responses do not need it. */
  get goneSignal(): AbortSignal {
    this.goneController ??= new AbortController();
    if (this.isGone) this.goneController.abort();
    return this.goneController.signal;
  }

  /** Resolves when the visitor has taken the written bytes, or is gone. */
  async waitForDrain(): Promise<void> {
    if (this.isGone) return;
    const stalled = setTimeout(() => {
      this.response.destroy();
      this.markGone();
    }, this.stalledMs);
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    clearTimeout(stalled);
  }

  /** Removes the listeners. The visitor is not used after that. */
  release(): void {
    this.response.off('close', this.markGone).off('drain', this.onDrain);
    this.connectionEnd?.removeEventListener('abort', this.markGone);
  }
}

function getConnectionEnd(socket: Socket): AbortSignal {
  const existing = connectionEnds.get(socket);
  if (existing) return existing;
  const ended = new AbortController();
  if (socket.destroyed) ended.abort();
  else
    socket.once('close', () => {
      ended.abort();
    });
  // Each response that waits its turn on the connection adds a listener.
  setMaxListeners(0, ended.signal);
  connectionEnds.set(socket, ended.signal);
  return ended.signal;
}
