import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { readInode } from '../state-dir/process-identity.js';
import type { Capture } from '../model/capture.js';
import type { HostId } from '../model/host.js';

/**
 * A message of another process to the leader of its host. It carries new captures, that a run was
 * requested, that captures in the outbox were made due, or that a person wants deliveries retried.
 * An empty hint asks whether there is a leader.
 */
export interface LeaderHint {
  readonly captures?: readonly Capture[];
  readonly run?: true;
  readonly checkOutbox?: true;
  /** Hosts whose delivery queues shall try again now, despite their backoff. */
  readonly retry?: readonly HostId[];
}

export const messageLimit = 1024 * 1024;

export function getWakeSocketPath(stateDir: string): string {
  return join(stateDir, 'leader.sock');
}

/**
 * Calls `handleLine` for each whole line. Closes a connection that sends longer lines than any of
 * ours.
 */
export function readLines(socket: Socket, handleLine: (line: string) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      handleLine(text.slice(start, end));
      start = end + 1;
    }
    text = text.slice(start);
    if (text.length > messageLimit) socket.destroy();
  });
}

/**
 * The leader's Unix socket in the state folder (0700). A hint is one line of JSON with a number,
 * which is sent back once the hint was accepted. If a hint is refused, the connection is closed.
 */
export class WakeServer {
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  private inode: string | undefined;
  /**
   * Node unlinks a server's original path when the server closes. The next leader may have its
   * socket at the known path by then, so the server starts at a path of its own.
   */
  private readonly initialPath: string;

  /** @param onHint returns false if the hint is refused, because this process is about to end */
  constructor(
    private readonly stateDir: string,
    private readonly onHint: (hint: LeaderHint) => boolean,
  ) {
    // No longer than the known name, whose length `init` checks.
    this.initialPath = join(stateDir, `l.${randomBytes(4).toString('hex')}`);
  }

  /**
   * @returns the socket's file, as device and inode: while a process listens there, this one has
   * not closed it
   */
  async start(): Promise<string> {
    try {
      return await this.bindSocket();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  private async bindSocket(): Promise<string> {
    const server = createServer((socket) => {
      this.acceptConnection(socket);
    });
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.initialPath, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.unref();
    const inode = await readInode(this.initialPath);
    if (inode === undefined)
      throw new Error(`the socket ${this.initialPath} was removed while it was made`);
    // Only the leader gets here: an existing socket belongs to a process that is gone or about to
    // end.
    await rename(this.initialPath, getWakeSocketPath(this.stateDir));
    this.inode = inode;
    return inode;
  }

  /** Whether the known name still leads to the file that this server listens at. */
  async isReachable(): Promise<boolean> {
    return (
      this.inode !== undefined && (await readInode(getWakeSocketPath(this.stateDir))) === this.inode
    );
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    const { server } = this;
    this.server = undefined;
    if (server)
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
  }

  private acceptConnection(socket: Socket): void {
    this.sockets.add(socket);
    socket.unref();
    readLines(socket, (line) => {
      this.handleLine(socket, line);
    });
    socket.on('error', () => {
      /* The other process ended; its captures are in the outbox. */
    });
    socket.on('close', () => {
      this.sockets.delete(socket);
    });
  }

  private handleLine(socket: Socket, line: string): void {
    let hint: LeaderHint & { readonly number?: unknown };
    try {
      hint = JSON.parse(line) as typeof hint;
    } catch {
      return;
    }
    const captures = hint.captures?.map((capture) => ({
      ...capture,
      dueAt: new Date(capture.dueAt),
      ...(capture.unreferencedSince && { unreferencedSince: new Date(capture.unreferencedSince) }),
    }));
    const isTaken = this.onHint({
      ...(captures ? { captures } : {}),
      ...(hint.run ? { run: true } : {}),
      ...(hint.checkOutbox ? { checkOutbox: true } : {}),
    });
    if (!isTaken || socket.writableLength > messageLimit) socket.destroy();
    else if (typeof hint.number === 'number') socket.write(`${String(hint.number)}\n`);
  }
}
