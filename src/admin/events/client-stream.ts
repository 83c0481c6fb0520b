import type { ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import type { LiveEvents } from '../../api/live-events.js';
import type { Overview } from '../../api/overview.js';
import type { DocumentStatus } from '../../api/reports.js';
import { withTimeout } from '../../util/with-timeout.js';
import { Refusal } from '../refusal.js';
import type { Session } from '../session/session-seal.js';
import { describeChange, describeRenewed } from './describe-change.js';
import { formatEvent } from './format-event.js';

export interface StreamTuning {
  /** Between two readings of the overview, and of a file. */
  readonly pollMs: number;
  /** Between two pings. At each the stream also checks that the client is still admitted. */
  readonly pingMs: number;
  /** A client that reads nothing for so long is disconnected. */
  readonly stuckMs: number;
}

export interface StreamClient {
  readonly lastEventId: string | undefined;
  readonly session: Session | undefined;
  /** Throws if the client is not admitted any more. */
  readonly requireAuthorized: () => Promise<Session | undefined>;
  /** Reads the file that the client follows. */
  readonly readFile: (() => Promise<DocumentStatus>) | undefined;
}

type EndReason = LiveEvents['end']['reason'];

/**
 * Sends the changes of the overview to one client. It keeps no queue: a client that reads slowly
 * gets the newest state as soon as it has read the former one.
 */
export class ClientStream {
  private sent: Overview | undefined;
  /** The reading of the last ping, at first the one that the stream began with. */
  private pinged: Overview | undefined;
  private sentFile: string | undefined;
  private file: DocumentStatus | undefined;
  private readingFile = false;
  private readFileAt = 0;
  private session: Session | undefined;
  private reason: EndReason | undefined;
  private pingAt: number;
  private isWoken = false;
  private resume: (() => void) | undefined;

  constructor(
    private readonly response: ServerResponse,
    private readonly client: StreamClient,
    private readonly getLatest: () => Overview | undefined,
    private readonly tuning: StreamTuning,
  ) {
    this.session = client.session;
    this.pingAt = performance.now() + tuning.pingMs;
  }

  /** Resolves when the stream has ended. */
  async run(): Promise<void> {
    const { response } = this;
    const isServerClosing = watchServer(response);
    response.once('close', () => {
      this.wake();
    });
    // Headers alone may stay in the buffer of a proxy.
    await this.write('retry: 2000\n\n');
    while (!response.destroyed) {
      if (isServerClosing()) this.reason ??= 'closing';
      if (this.session && Date.now() >= this.session.until.getTime()) this.reason ??= 'signed out';
      if (this.reason !== undefined) {
        await this.write(formatEvent('end', { reason: this.reason }));
        response.end();
        return;
      }
      await this.writeNews();
      if (performance.now() >= this.pingAt) await this.ping();
      else await this.wait();
    }
  }

  /** Asks the stream to say why, and end. */
  end(reason: EndReason): void {
    this.reason ??= reason;
    this.wake();
  }

  destroy(): void {
    this.response.destroy();
  }

  /** Lets the stream look for news. */
  wake(): void {
    this.isWoken = true;
    this.resume?.();
  }

  private async writeNews(): Promise<void> {
    const latest = this.getLatest();
    if (latest) await this.writeOverview(latest);
    this.refreshFile();
    if (!this.file) return;
    const text = JSON.stringify(this.file);
    if (text === this.sentFile) return;
    this.sentFile = text;
    await this.write(formatEvent('files', this.file));
  }

  private async writeOverview(latest: Overview): Promise<void> {
    const { sent } = this;
    this.sent = latest;
    this.pinged ??= latest;
    const { id } = latest;
    if (sent ? sent.id === id : this.client.lastEventId === id) return;
    await this.write(
      sent
        ? formatEvent('change', describeChange(sent, latest), id)
        : formatEvent('overview', latest, id),
    );
  }

  /** Reads the file beside the stream, so that a slow database delays nothing else. */
  private refreshFile(): void {
    const { readFile } = this.client;
    if (!readFile || this.readingFile || performance.now() < this.readFileAt) return;
    this.readingFile = true;
    this.readFileAt = performance.now() + this.tuning.pollMs;
    readFile().then(
      (file) => {
        this.readingFile = false;
        if (JSON.stringify(file) === this.sentFile) return;
        this.file = file;
        this.wake();
      },
      () => {
        this.readingFile = false; // The overview says that the database does not answer.
      },
    );
  }

  private async ping(): Promise<void> {
    this.pingAt = performance.now() + this.tuning.pingMs;
    try {
      this.session = await withTimeout(this.client.requireAuthorized(), 10_000, 'authorize');
    } catch (error) {
      // Others may guess tokens meanwhile: that says nothing about this client.
      if (!(error instanceof Refusal && error.status === 429)) this.reason ??= 'signed out';
      return;
    }
    const { sent, pinged } = this;
    this.pinged = sent;
    const alive = sent && pinged && formatEvent('change', describeRenewed(pinged, sent));
    await this.write(`: ping\n\n${alive ?? ''}`);
  }

  private async write(text: string): Promise<void> {
    const { response } = this;
    if (response.destroyed || response.write(text)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        response.destroy();
      }, this.tuning.stuckMs);
      const go = (): void => {
        clearTimeout(timer);
        response.off('drain', go).off('close', go);
        resolve();
      };
      response.on('drain', go).on('close', go);
    });
  }

  /** Waits until somebody wakes the stream, or the next ping is due. */
  private async wait(): Promise<void> {
    if (!this.isWoken) {
      await new Promise<void>((resolve) => {
        const end = this.session?.until.getTime() ?? Infinity;
        const timer = setTimeout(
          resolve,
          Math.max(0, Math.min(this.pingAt - performance.now(), end - Date.now())),
        );
        this.resume = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.resume = undefined;
    }
    this.isWoken = false;
  }
}

/**
 * Returns a function that tells whether the server takes no more connections. An application that
 * ends waits until its requests have ended before it closes the instance, so a stream must end
 * first. A server that never listened gets its connections from elsewhere.
 */
function watchServer({ socket }: ServerResponse): () => boolean {
  const server = (socket as { server?: Server } | null)?.server;
  return server?.listening === true ? () => !server.listening : () => false;
}
