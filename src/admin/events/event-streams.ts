import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Overview } from '../../api/overview.js';
import { SyncMediaError } from '../../model/errors.js';
import { withTimeout } from '../../util/with-timeout.js';
import { Refusal } from '../refusal.js';
import { ClientStream, type StreamClient, type StreamTuning } from './client-stream.js';

interface StreamsTuning extends StreamTuning {
  readonly maxStreams: number;
}

const defaultTuning: StreamsTuning = {
  pingMs: 15_000,
  stuckMs: 30_000,
  pollMs: 1_000,
  maxStreams: 20,
};
/** How long a stream may take to say that it ends. */
const endMs = 1_000;
const overviewMs = 30_000;
/** Between two readings if the first one was the last again: a newer one is on its way. */
const soonMs = 250;

/**
 * The event streams of one instance. Each event comes from the database, so a client may be
 * connected to any process of any host. One reading serves all streams.
 */
export class EventStreams {
  private readonly running = new Map<ClientStream, Promise<void>>();
  private readonly closing = new AbortController();
  private readonly tuning: StreamsTuning;
  private latest: Overview | undefined;
  private isPolling = false;

  constructor(
    private readonly readOverview: () => Promise<Overview>,
    tuning: Partial<StreamsTuning> = {},
  ) {
    this.tuning = { ...defaultTuning, ...tuning };
  }

  /**
   * Checks that one more stream can begin.
   *
   * @throws Refusal 503; CLOSED; the error of the overview
   */
  async requireReady(): Promise<void> {
    if (this.closing.signal.aborted)
      throw new SyncMediaError('CLOSED', 'The instance was closed; it sends no events.');
    if (this.isFull)
      throw new Refusal(
        503,
        'TOO_MANY_STREAMS',
        `This process sends events to ${String(this.tuning.maxStreams)} clients already.`,
        { 'Retry-After': '30' },
      );
    await this.readOverview();
  }

  /** Sends events until the client, its session, the server or the instance ends. */
  async serve(response: ServerResponse, client: StreamClient): Promise<void> {
    const stream = new ClientStream(response, client, () => this.latest, this.tuning);
    if (this.isFull) stream.end('too many');
    if (this.closing.signal.aborted) stream.end('closing');
    const run = stream.run();
    this.running.set(stream, run);
    void this.poll();
    try {
      await run;
    } finally {
      this.running.delete(stream);
    }
  }

  /** Ends all streams. */
  async close(): Promise<void> {
    this.closing.abort();
    for (const stream of this.running.keys()) stream.end('closing');
    const ended = Promise.allSettled(this.running.values());
    await Promise.race([ended, sleep(endMs, undefined, { ref: false })]);
    for (const stream of this.running.keys()) stream.destroy();
    await ended;
  }

  private get isFull(): boolean {
    return this.running.size >= this.tuning.maxStreams;
  }

  private async poll(): Promise<void> {
    if (this.isPolling) return;
    this.isPolling = true;
    const { signal } = this.closing;
    while (this.running.size > 0 && !signal.aborted) {
      let isOld = false;
      try {
        const read = await withTimeout(this.readOverview(), overviewMs, 'the database');
        isOld = read === this.latest;
        this.latest = read;
        for (const stream of this.running.keys()) stream.wake();
      } catch {
        // The clients connect again, and get the error as an answer.
        for (const stream of this.running.keys()) stream.end('closing');
      }
      const { pollMs } = this.tuning;
      await sleep(isOld ? Math.min(pollMs, soonMs) : pollMs, undefined, { signal }).catch(
        () => undefined,
      );
    }
    this.latest = undefined;
    this.isPolling = false;
  }
}
