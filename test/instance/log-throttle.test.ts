import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { logEvents } from '../../src/instance/log-events.js';
import { EventBus } from '../../src/model/events.js';
import type { ErrorCode } from '../../src/model/errors.js';
import type { Log } from '../../src/model/log.js';
import type { Failure } from '../../src/model/failure.js';
import type { Path } from '../../src/model/path.js';

const lines: string[] = [];
const log: Log = {
  info: (message) => lines.push(`info ${message}`),
  warn: (message) => lines.push(`warn ${message}`),
  error: (message) => lines.push(`error ${message}`),
};
let events: EventBus;
let stopLogging: () => void;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  lines.length = 0;
  events = new EventBus();
  stopLogging = logEvents(events, log, (id) => `name of ${id}`);
});
afterEach(() => {
  stopLogging();
  vi.useRealTimers();
});

const failure = (code: ErrorCode, message = 'x'): Failure => ({
  code,
  message,
  scope: 'path',
  retryable: true,
});
const block = (path: string, host: string, code: ErrorCode = 'PERMISSION_DENIED'): void => {
  events.emit('blocked', { path: path as Path, host, failure: failure(code) });
};

describe('the log of events', () => {
  test('has one line a minute for each host and code, with the number of the others', () => {
    for (let index = 0; index < 5; index++) block(`a${String(index)}.jpg`, 'h1');
    block('b.jpg', 'h2');
    block('c.jpg', 'h1', 'NOT_A_FILE');
    expect(lines).toEqual([
      expect.stringMatching(/^warn "a0.jpg" is blocked to host name of h1: PERMISSION_DENIED: x\./),
      expect.stringMatching(/^warn "b.jpg" is blocked to host name of h2: PERMISSION_DENIED: x\./),
      expect.stringMatching(/^warn "c.jpg" is blocked to host name of h1: NOT_A_FILE: x\./),
    ]);
    vi.advanceTimersByTime(60_000);
    expect(lines.slice(3)).toEqual([
      expect.stringMatching(
        /^warn "a4.jpg" is blocked to host name of h1: .* \(the last of 4 such messages since\)$/,
      ),
    ]);
    block('d.jpg', 'h1');
    expect(lines).toHaveLength(4);
    vi.advanceTimersByTime(60_000);
    expect(lines.slice(4)).toEqual([expect.stringContaining('"d.jpg"')]);
  });

  test('has a problem again that ended while another process was the leader', () => {
    events.emit('failing', { host: 'h1', failure: failure('HOST_UNREACHABLE') });
    block('a.jpg', 'h1');
    events.emit('lease', { held: false });
    vi.advanceTimersByTime(120_000);
    lines.length = 0;
    events.emit('lease', { held: true });
    events.emit('failing', { host: 'h1', failure: failure('HOST_UNREACHABLE') });
    block('a.jpg', 'h1');
    expect(lines).toEqual([
      expect.stringContaining('HOST_UNREACHABLE'),
      expect.stringContaining('"a.jpg" is blocked'),
    ]);
  });

  test('has a cause at once again after a minute without it', () => {
    block('a.jpg', 'h1');
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(1);
    block('b.jpg', 'h1');
    expect(lines).toHaveLength(2);
  });

  test('logs the counted messages when the instance closes, and leaves no timer', () => {
    for (const path of ['a.jpg', 'b.jpg']) block(path, 'h1');
    stopLogging();
    expect(lines.slice(1)).toEqual([expect.stringContaining('"b.jpg"')]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('does not repeat a host that fails in changing words within a minute', () => {
    for (const words of ['port 1', 'port 2', 'port 3'])
      events.emit('failing', { host: 'h1', failure: failure('HOST_UNREACHABLE', words) });
    expect(lines).toEqual([
      expect.stringMatching(/^warn host name of h1: HOST_UNREACHABLE: port 1\./),
    ]);
  });

  test('ends with the recovery of a host that fails and recovers again and again', () => {
    for (let index = 0; index < 3; index++) {
      events.emit('failing', { host: 'h1', failure: failure('HOST_UNREACHABLE', 'refused') });
      events.emit('recovered', { host: 'h1' });
    }
    expect(lines).toEqual([
      expect.stringMatching(/^warn host name of h1: HOST_UNREACHABLE: refused\./),
      'info host name of h1 works again',
    ]);
    vi.advanceTimersByTime(60_000);
    expect(lines.slice(2)).toEqual([
      'warn host name of h1 works again (the last of 4 such messages since)',
    ]);
  });

  test('names each file that lost a conflict', () => {
    for (const path of ['a', 'b', 'c']) events.emit('conflict', { path: path as Path, host: 'h1' });
    expect(lines).toHaveLength(3);
  });

  test('limits conflicts, deletes that are overruled and failures inside in the same way', () => {
    for (let index = 0; index < 3; index++) {
      events.emit('conflict', { path: 'a' as Path, host: 'h1' });
      events.emit('overruled', { path: 'a' as Path, by: 'delete' });
      events.emit('failed', { doing: 'polling', error: new Error('down') });
      events.emit('halted', { dir: 'uploads' as Path, failure: failure('BAD_STATE') });
    }
    expect(lines).toHaveLength(4);
  });
});
