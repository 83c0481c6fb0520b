import type { WireChange, WireDocument, WireOverview } from '../wire.js';
import {
  backOffMs,
  failuresBeforePolling,
  type LiveEvent,
  type LiveProblem,
} from './live-state.js';

/** The part of EventSource that the connection uses. */
export interface EventStream {
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void;
  close(): void;
}

export interface ConnectionParts {
  readonly openStream: (watchedPath: string | undefined) => EventStream;
  readonly readOverview: (signal: AbortSignal) => Promise<WireOverview>;
  readonly readFiles: (path: string, signal: AbortSignal) => Promise<WireDocument>;
  /** What a failed request says; `'signed out'` where the session has ended. */
  readonly explain: (error: unknown) => LiveProblem | 'signed out' | undefined;
  readonly dispatch: (event: LiveEvent) => void;
  readonly onSignedOut: () => void;
}

const pollMs = 10_000;
/**
 * The router sends something every 15 seconds. A connection that broke without a word, as where a
 * machine slept or a proxy forgot it, looks open for ever.
 */
const silentMs = 40_000;
/** A stream that breaks sooner counts as another failure. */
const steadyMs = 5_000;

/**
 * Keeps the page up to date: by a stream of events, and where streams fail by asking every ten
 * seconds for the overview and the watched file. It owns the stream and all timers, and holds
 * neither while the tab is hidden: browsers open six connections to a host, and each stream takes
 * one.
 */
export class LiveConnection {
  private stream: EventStream | undefined;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private pollTimer: ReturnType<typeof setInterval> | undefined;
  private reading: AbortController | undefined;
  private failures = 0;
  private openedAt: number | undefined;
  private isStopped = true;
  private watchedPath: string | undefined;

  constructor(private readonly parts: ConnectionParts) {}

  start(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    this.failures = 0;
    this.parts.dispatch({ type: 'opening' });
    this.open();
  }

  /** Closes the stream and every timer, until `start`. */
  stop(): void {
    this.isStopped = true;
    this.closeAll();
  }

  /** Tries at once instead of waiting for the next attempt. */
  retryNow(): void {
    if (this.isStopped) return;
    this.closeAll();
    this.open();
  }

  /** Also reports the files of this path; `undefined` reports none. */
  watch(path: string | undefined): void {
    if (path === this.watchedPath) return;
    this.watchedPath = path;
    this.parts.dispatch({ type: 'unwatched' });
    if (!this.isStopped) this.retryNow();
  }

  private open(): void {
    const stream = this.parts.openStream(this.watchedPath);
    this.stream = stream;
    this.expectEvent();
    const on = (type: string, take: (data: unknown) => void): void => {
      stream.addEventListener(type, ({ data }) => {
        if (this.stream !== stream) return;
        this.expectEvent();
        take(typeof data === 'string' ? JSON.parse(data) : undefined);
      });
    };
    on('open', () => {
      this.openedAt = performance.now();
      this.stopPolling();
      this.parts.dispatch({ type: 'opened' });
    });
    on('overview', (data) => {
      const overview = data as WireOverview;
      this.parts.dispatch({ type: 'overview', overview, now: performance.now() });
    });
    on('change', (data) => {
      const change = data as WireChange;
      this.parts.dispatch({ type: 'change', change, now: performance.now() });
    });
    on('files', (data) => {
      this.parts.dispatch({ type: 'files', files: data as WireDocument });
    });
    on('end', (data) => {
      this.finish((data as { reason?: string } | undefined)?.reason);
    });
    on('error', () => {
      this.fail();
    });
  }

  private expectEvent(): void {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(() => {
      this.fail();
    }, silentMs);
  }

  /** The router ended the stream, and said why. */
  private finish(reason: string | undefined): void {
    if (reason === 'signed out') {
      this.stop();
      this.parts.onSignedOut();
      return;
    }
    if (reason === 'too many') this.failures = failuresBeforePolling;
    else this.openedAt = performance.now() - steadyMs;
    this.fail();
  }

  private fail(): void {
    const wasSteady = this.openedAt !== undefined && performance.now() - this.openedAt >= steadyMs;
    this.failures = wasSteady ? 1 : this.failures + 1;
    this.openedAt = undefined;
    this.stream?.close();
    this.stream = undefined;
    clearTimeout(this.silenceTimer);
    const delay = backOffMs(this.failures, Math.random());
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => {
      this.open();
    }, delay);
    this.parts.dispatch({
      type: 'lost',
      failures: this.failures,
      retryAt: performance.now() + delay,
    });
    // A stream does not say why it failed. The same data, asked for once, does.
    void this.read();
    if (this.failures >= failuresBeforePolling)
      this.pollTimer ??= setInterval(() => void this.read(), pollMs);
  }

  private async read(): Promise<void> {
    this.reading?.abort();
    const reading = new AbortController();
    this.reading = reading;
    const { signal } = reading;
    await Promise.all([this.takeOverview(signal), this.takeFiles(signal)]);
  }

  private async takeOverview(signal: AbortSignal): Promise<void> {
    const { dispatch, explain, onSignedOut } = this.parts;
    try {
      const overview = await this.parts.readOverview(signal);
      if (!signal.aborted) dispatch({ type: 'overview', overview, now: performance.now() });
    } catch (error) {
      if (signal.aborted) return;
      const problem = explain(error);
      if (problem === 'signed out') {
        this.stop();
        onSignedOut();
      } else if (problem) dispatch({ type: 'refused', problem });
    }
  }

  private async takeFiles(signal: AbortSignal): Promise<void> {
    if (this.watchedPath === undefined) return;
    try {
      const files = await this.parts.readFiles(this.watchedPath, signal);
      if (!signal.aborted) this.parts.dispatch({ type: 'files', files });
    } catch {
      // The overview says why nothing can be read.
    }
  }

  private stopPolling(): void {
    clearInterval(this.pollTimer);
    this.pollTimer = undefined;
    this.reading?.abort();
    this.reading = undefined;
  }

  private closeAll(): void {
    this.stream?.close();
    this.stream = undefined;
    this.openedAt = undefined;
    clearTimeout(this.silenceTimer);
    clearTimeout(this.retryTimer);
    this.stopPolling();
  }
}
