import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Capture } from '../words.js';

/** What a process of this host tells the one that holds the lease: captures just made, or that a run was asked for. */
export interface Hint { readonly captures?: readonly Capture[]; readonly run?: true }

const messageLimit = 1024 * 1024;
const connectMs = 1_000;

export function socketPath(stateDir: string): string {
  return join(stateDir, 'lanes.sock');
}

/** The lease holder's ear: a Unix socket in the state folder (0700), one JSON line for each hint. */
export class WakeServer {
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  /** Node unlinks the path that a server was begun at when it ends; by then the next holder may have its own at the known one. */
  private readonly ownPath: string;

  constructor(private readonly stateDir: string, private readonly onHint: (hint: Hint) => void) {
    // No longer than the known name, whose length is checked at init.
    this.ownPath = join(stateDir, `l.${randomBytes(4).toString('hex')}`);
  }

  async start(): Promise<void> {
    const server = createServer((socket) => { this.listen(socket); });
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.ownPath, () => { server.off('error', reject); resolve(); });
    });
    server.unref();
    // Only the lease holder gets here: what is there is of a process that is gone, or about to end.
    await rename(this.ownPath, socketPath(this.stateDir));
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    const { server } = this;
    this.server = undefined;
    if (server) await new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
  }

  private listen(socket: Socket): void {
    this.sockets.add(socket);
    socket.unref();
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        this.take(text.slice(0, end));
        text = text.slice(end + 1);
      }
      if (text.length > messageLimit) socket.destroy();
    });
    socket.on('error', () => { /* The other process ended; its captures are in the outbox. */ });
    socket.on('close', () => { this.sockets.delete(socket); });
  }

  private take(line: string): void {
    let hint: Hint;
    try { hint = JSON.parse(line) as Hint; } catch { return; }
    const captures = hint.captures?.map((capture) => ({ ...capture, dueAt: new Date(capture.dueAt) }));
    this.onHint({ ...(captures ? { captures } : {}), ...(hint.run ? { run: true } : {}) });
  }
}

/** Tells the lease holder; a hint that cannot be told is dropped: the outbox has what it said. */
export class WakeClient {
  private socket: Socket | undefined;
  private closed = false;

  constructor(private readonly stateDir: string) {}

  tell(hint: Hint): void {
    if (this.closed) return;
    const line = `${JSON.stringify(hint)}\n`;
    if (line.length > messageLimit) return;
    this.socket ??= this.open();
    // Bounded: a holder that reads nothing for so long is as good as gone.
    if (this.socket.writableLength < messageLimit) this.socket.write(line);
  }

  close(): void {
    this.closed = true;
    this.socket?.destroy();
  }

  private open(): Socket {
    const socket = connect(socketPath(this.stateDir));
    socket.unref();
    socket.setTimeout(connectMs, () => { if (socket.connecting) socket.destroy(); });
    socket.on('error', () => { /* Nobody holds the lease just now. */ });
    socket.on('close', () => { if (this.socket === socket) this.socket = undefined; });
    return socket;
  }
}
