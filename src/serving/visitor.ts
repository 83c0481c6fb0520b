import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Connections whose end somebody waits for: one listener for each, however many requests a visitor sends on it. */
const ends = new WeakMap<Socket, AbortSignal>();

/** Whoever a response goes to: whether it is still there, and when it takes more. */
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
  private readonly onDrain = (): void => { this.wake(); };

  /** @param stalledMs how long a visitor may take nothing until the response is broken */
  constructor(private readonly response: ServerResponse, private readonly stalledMs: number) {
    response.on('close', this.leave).on('drain', this.onDrain);
    // A response that waits behind another one on its connection is told nothing when that ends.
    if (response.socket === null) {
      this.connection = findEnd(response.req.socket);
      this.connection.addEventListener('abort', this.leave);
    }
    if (response.destroyed || this.connection?.aborted) this.leave();
  }

  get left(): boolean {
    return this.isGone;
  }

  /** Aborts once the visitor is gone. Made when it is first asked for: most answers are sent without. */
  get gone(): AbortSignal {
    this.leaving ??= new AbortController();
    if (this.isGone) this.leaving.abort();
    return this.leaving.signal;
  }

  /** Resolves when the visitor has taken what was written, or is gone. */
  async takes(): Promise<void> {
    if (this.isGone) return;
    const stalled = setTimeout(() => {
      this.response.destroy();
      this.leave();
    }, this.stalledMs);
    await new Promise<void>((resolve) => { this.wake = resolve; });
    clearTimeout(stalled);
  }

  /** Nobody waits for this visitor any more. */
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
  else socket.once('close', () => { ended.abort(); });
  // One listener for each response that waits its turn on the connection.
  setMaxListeners(0, ended.signal);
  ends.set(socket, ended.signal);
  return ended.signal;
}
