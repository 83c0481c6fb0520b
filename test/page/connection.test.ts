import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LiveConnection, type EventStream } from '../../src/page/live/connection.js';
import type { LiveEvent, LiveProblem } from '../../src/page/live/live-state.js';
import type { WireDocument, WireOverview } from '../../src/page/wire.js';
import { makeOverview, toWire } from './fake-data.js';

class FakeStream implements EventStream {
  isClosed = false;
  private readonly listeners = new Map<string, (event: { data?: unknown }) => void>();
  constructor(readonly path: string | undefined) {}
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void {
    this.listeners.set(type, listener);
  }
  close(): void {
    this.isClosed = true;
  }
  fire(type: string, data?: unknown): void {
    this.listeners.get(type)?.({ data: data === undefined ? undefined : JSON.stringify(data) });
  }
}

function makeConnection(): {
  connection: LiveConnection;
  streams: FakeStream[];
  events: LiveEvent[];
  typesOf(): string[];
  answers: {
    overview: () => Promise<WireOverview>;
    files: (path: string) => Promise<WireDocument>;
    signedOut: number;
    reads: number;
  };
} {
  const streams: FakeStream[] = [];
  const events: LiveEvent[] = [];
  const answers = {
    overview: (): Promise<WireOverview> => Promise.resolve(toWire(makeOverview())),
    files: (path: string): Promise<WireDocument> => Promise.resolve({ id: path, files: [] }),
    signedOut: 0,
    reads: 0,
  };
  const connection = new LiveConnection({
    openStream(path) {
      const stream = new FakeStream(path);
      streams.push(stream);
      return stream;
    },
    readOverview: () => {
      answers.reads++;
      return answers.overview();
    },
    readFiles: (path) => answers.files(path),
    explain: (error): LiveProblem | 'signed out' =>
      error === 'signed out' ? 'signed out' : { message: String(error) },
    dispatch: (event) => events.push(event),
    onSignedOut: () => answers.signedOut++,
  });
  return {
    connection,
    streams,
    events,
    typesOf: () => events.map(({ type }) => type),
    answers,
  };
}

describe('the live connection', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, 'random').mockReturnValue(1);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  test('opens one stream, and reports its events', () => {
    const { connection, streams, typesOf } = makeConnection();
    connection.start();
    connection.start();
    streams[0]?.fire('open');
    streams[0]?.fire('overview', makeOverview());
    streams[0]?.fire('change', { at: '', id: 'o2' });
    expect(streams).toHaveLength(1);
    expect(typesOf()).toEqual(['opening', 'opened', 'overview', 'change']);
    connection.stop();
  });

  test('a broken stream is opened again after a delay, and once asked for at once', async () => {
    const { connection, streams, events, answers } = makeConnection();
    connection.start();
    streams[0]?.fire('error');
    expect(streams[0]?.isClosed).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: 'lost', failures: 1 });
    await vi.advanceTimersByTimeAsync(999);
    expect([streams.length, answers.reads]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(1);
    expect(streams).toHaveLength(2);
    connection.stop();
  });

  test('after three failures it asks every ten seconds, until a stream opens', async () => {
    const { connection, streams, events, answers } = makeConnection();
    connection.start();
    for (const delay of [1_000, 2_000, 4_000]) {
      streams.at(-1)?.fire('error');
      await vi.advanceTimersByTimeAsync(delay);
    }
    expect(events.filter(({ type }) => type === 'lost').at(-1)).toMatchObject({ failures: 3 });
    const before = answers.reads;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(answers.reads - before).toBe(2);
    streams.at(-1)?.fire('open');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(answers.reads - before).toBe(2);
    connection.stop();
  });

  test('without a stream it asks for the watched file as often as for the overview', async () => {
    const { connection, streams, events, answers } = makeConnection();
    const files = (): LiveEvent[] => events.filter(({ type }) => type === 'files');
    connection.start();
    connection.watch('uploads/a.jpg');
    for (const delay of [1_000, 2_000, 4_000]) {
      streams.at(-1)?.fire('error');
      await vi.advanceTimersByTimeAsync(delay);
    }
    expect(files()).toHaveLength(answers.reads);
    expect(files().at(-1)).toEqual({ type: 'files', files: { id: 'uploads/a.jpg', files: [] } });
    answers.files = () => Promise.reject(new Error('The database does not answer.'));
    const before = files().length;
    await vi.advanceTimersByTimeAsync(10_000);
    answers.files = (id) => Promise.resolve({ id, files: [] });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(files().length - before).toBe(1);
    expect(events.at(-1)?.type).not.toBe('refused');
    connection.stop();
  });

  test('drops the answer about a file that is no longer watched', async () => {
    const { connection, streams, typesOf, answers } = makeConnection();
    let answer: (files: WireDocument) => void = () => undefined;
    answers.files = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    connection.start();
    connection.watch('uploads/a.jpg');
    streams.at(-1)?.fire('error');
    connection.watch(undefined);
    answer({ files: [] });
    await vi.advanceTimersByTimeAsync(0);
    expect(typesOf()).not.toContain('files');
    connection.stop();
  });

  test('a stream that was steady begins the delays anew', async () => {
    const { connection, streams, events } = makeConnection();
    connection.start();
    streams[0]?.fire('error');
    await vi.advanceTimersByTimeAsync(1_000);
    streams[1]?.fire('open');
    await vi.advanceTimersByTimeAsync(30_000);
    streams[1]?.fire('error');
    expect(events.at(-1)).toMatchObject({ type: 'lost', failures: 1 });
    connection.stop();
  });

  test('a stream that says nothing any more is taken for broken, although it looks open', async () => {
    const { connection, streams, events, answers } = makeConnection();
    connection.start();
    streams[0]?.fire('open');
    for (let pings = 0; pings < 4; pings++) {
      await vi.advanceTimersByTimeAsync(30_000);
      streams[0]?.fire('change', { at: '', id: 'o1' });
    }
    expect([streams.length, answers.reads]).toEqual([1, 0]);
    await vi.advanceTimersByTimeAsync(40_000);
    expect(events.find(({ type }) => type === 'lost')).toMatchObject({ failures: 1 });
    expect([streams[0]?.isClosed, answers.reads]).toEqual([true, 1]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(streams).toHaveLength(2);
    connection.stop();
  });

  test('a stream that never opens is tried again', async () => {
    const { connection, streams } = makeConnection();
    connection.start();
    await vi.advanceTimersByTimeAsync(41_000);
    expect(streams.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    connection.stop();
  });

  test('says why the stream fails, as far as the router says it', async () => {
    const { connection, streams, events, answers } = makeConnection();
    answers.overview = () => Promise.reject(new Error('The database does not answer.'));
    connection.start();
    streams[0]?.fire('error');
    await vi.advanceTimersByTimeAsync(0);
    expect(events.at(-1)).toEqual({
      type: 'refused',
      problem: { message: 'Error: The database does not answer.' },
    });
    connection.stop();
  });

  test('stops where the session has ended', async () => {
    const { connection, streams, answers } = makeConnection();
    connection.start();
    streams[0]?.fire('end', { reason: 'signed out' });
    expect(answers.signedOut).toBe(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(streams).toHaveLength(1);
  });

  test('asks instead where too many streams are open', async () => {
    const { connection, streams, events } = makeConnection();
    connection.start();
    streams[0]?.fire('open');
    streams[0]?.fire('end', { reason: 'too many' });
    expect(events.find(({ type }) => type === 'lost')).toMatchObject({ failures: 4 });
    await vi.advanceTimersByTimeAsync(0);
    connection.stop();
  });

  test('a process that closes its streams costs no failure', () => {
    const { connection, streams, events } = makeConnection();
    connection.start();
    streams[0]?.fire('open');
    streams[0]?.fire('end', { reason: 'closing' });
    expect(events.at(-1)).toMatchObject({ type: 'lost', failures: 1 });
    connection.stop();
  });

  test('stopped, it holds no stream and no timer', async () => {
    const { connection, streams, answers } = makeConnection();
    connection.start();
    for (let failures = 0; failures < 4; failures++) {
      streams.at(-1)?.fire('error');
      await vi.advanceTimersByTimeAsync(30_000);
    }
    connection.stop();
    const [opened, reads] = [streams.length, answers.reads];
    await vi.advanceTimersByTimeAsync(300_000);
    expect([streams.length, answers.reads]).toEqual([opened, reads]);
    expect(streams.every(({ isClosed }) => isClosed)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('watching a path opens a stream for it', () => {
    const { connection, streams } = makeConnection();
    connection.start();
    connection.watch('uploads/a.jpg');
    connection.watch('uploads/a.jpg');
    expect(streams.map(({ path, isClosed }) => [path, isClosed])).toEqual([
      [undefined, true],
      ['uploads/a.jpg', false],
    ]);
    connection.stop();
  });
});
