import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import winston from 'winston';
import { resolveConfig } from '../../src/config/resolve-config.js';
import { logEvents } from '../../src/instance/log-events.js';
import { EventBus } from '../../src/model/events.js';
import { logDebug, RedirectableLog, type Log } from '../../src/model/log.js';
import type { Failure } from '../../src/model/failure.js';
import type { Path } from '../../src/model/path.js';
import { makeOutcome } from '../counters/outcomes.js';

const lines: string[] = [];
const stream = new Writable({
  write(chunk, _encoding, done) {
    lines.push(...String(chunk).trimEnd().split('\n'));
    done();
  },
});
const stops: (() => void)[] = [];
afterEach(() => {
  stops.splice(0).forEach((stop) => {
    stop();
  });
  vi.restoreAllMocks();
  lines.length = 0;
});

/** The events of an instance that was given this log. */
function makeEvents(given: Log): EventBus {
  const events = new EventBus();
  const { log } = resolveConfig({ log: given, environment: { HOME: '/' } });
  stops.push(logEvents(events, log, (id) => `name-of-${id}`));
  return events;
}
const deliver = (events: EventBus): void => {
  events.emit('outcome', { host: 'h2', outcome: makeOutcome(), ms: 8.4, savedMs: 31 });
};
const line =
  'delivered "uploads/a.jpg" to host name-of-h2 by sftp: 100 bytes in 8 ms, 31 ms after its save';

describe('one line for each delivery', () => {
  test('goes to pino as an object with level and message', () => {
    deliver(makeEvents(pino({ level: 'debug' }, stream)));
    expect(lines.map((text) => JSON.parse(text) as unknown)).toEqual([
      expect.objectContaining({ level: 20, msg: line }),
    ]);
  });

  test('goes to winston as an object with level and message', () => {
    const log = winston.createLogger({
      level: 'debug',
      format: winston.format.json(),
      transports: new winston.transports.Stream({ stream }),
    });
    deliver(makeEvents(log));
    expect(lines.map((text) => JSON.parse(text) as unknown)).toEqual([
      { level: 'debug', message: line },
    ]);
  });

  test('goes to the console', () => {
    const written = vi.spyOn(console, 'debug').mockImplementation(() => undefined);
    deliver(makeEvents(console));
    expect(written.mock.calls).toEqual([[line]]);
  });

  test.each([
    ['pino', () => pino({ level: 'info' }, stream)],
    [
      'winston',
      () =>
        winston.createLogger({
          level: 'info',
          transports: new winston.transports.Stream({ stream }),
        }),
    ],
  ])('is not even made if %s logs no details', (_name, makeLog) => {
    const log = new RedirectableLog();
    log.redirect(makeLog());
    const makeMessage = vi.fn(() => 'a message');
    logDebug(resolveConfig({ log, environment: { HOME: '/' } }).log, makeMessage);
    expect(makeMessage).not.toHaveBeenCalled();
    deliver(makeEvents(log));
    expect(lines).toEqual([]);
  });

  test('does not exist for a log without a method for details', () => {
    const said: string[] = [];
    const say = (message: string): void => void said.push(message);
    deliver(makeEvents({ info: say, warn: say, error: say }));
    // npm's `debug` and others have a property of that name.
    deliver(makeEvents({ info: say, warn: say, error: say, debug: true } as never));
    expect(said).toEqual([]);
  });

  test('says for each outcome what came of it', () => {
    const events = makeEvents(pino({ level: 'debug' }, stream));
    const { change, ...rest } = makeOutcome();
    const outcomes = [
      { ...rest, change: { ...change, do: 'remove' as const }, bytes: 0 },
      makeOutcome({ via: 'rsync', result: 'vanished' }),
      { ...rest, change, result: 'failed' as const, failure: failure('DISK_FULL', 'no space') },
    ];
    for (const outcome of outcomes) events.emit('outcome', { host: 'h2', outcome, ms: 3 });
    expect(lines.map((text) => (JSON.parse(text) as { msg: string }).msg)).toEqual([
      'delivered the removal of "uploads/a.jpg" to host name-of-h2 by sftp in 3 ms',
      'did not deliver "uploads/a.jpg" to host name-of-h2 by rsync: the file here is gone',
      'did not deliver "uploads/a.jpg" to host name-of-h2 by sftp: DISK_FULL: no space',
    ]);
  });
});

const failure = (code: Failure['code'], message: string): Failure => ({
  code,
  message,
  scope: 'path',
  retryable: true,
});

describe('a problem', () => {
  test('is one warning with host, code, remedy and the next try, and one line when it ends', () => {
    const { events, said } = collect();
    const nextTryAt = new Date(Date.now() + 3_500);
    for (const words of ['Connection refused', 'Connection refused by 127.0.0.1'])
      events.emit('failing', {
        host: 'h2',
        failure: failure('HOST_UNREACHABLE', words),
        nextTryAt,
      });
    events.emit('recovered', { host: 'h2' });
    expect(said).toEqual([
      expect.stringMatching(
        /^warn: host name-of-h2: HOST_UNREACHABLE: Connection refused\. Remedy: .*deliveries are retried.* Next try: in 4 s$/,
      ),
      'info: host name-of-h2 works again',
    ]);
  });

  test('that changes its code is another warning', () => {
    const { events, said } = collect();
    for (const code of ['HOST_UNREACHABLE', 'AUTH_FAILED', 'AUTH_FAILED'] as const)
      events.emit('failing', { host: 'h2', failure: failure(code, 'x') });
    expect(said.map((text) => text.split(': ')[2])).toEqual(['HOST_UNREACHABLE', 'AUTH_FAILED']);
  });

  test('of a path is silent while retries fail in the same way, and ends with the last such path', () => {
    const { events, said } = collect();
    const block = (name: string): void => {
      events.emit('blocked', {
        path: `uploads/${name}` as Path,
        host: 'h2',
        failure: failure('PERMISSION_DENIED', 'not writable'),
        nextTryAt: new Date(Date.now() + 3_600_000),
      });
    };
    const arrive = (name: string): void => {
      const { change, ...rest } = makeOutcome();
      const path = `uploads/${name}` as Path;
      events.emit('outcome', {
        host: 'h2',
        outcome: { ...rest, change: { ...change, path } },
        ms: 1,
      });
    };
    block('a.jpg');
    block('a.jpg');
    arrive('other.jpg');
    arrive('a.jpg');
    expect(said).toEqual([
      expect.stringMatching(
        /^warn: "uploads\/a\.jpg" is blocked to host name-of-h2: PERMISSION_DENIED: not writable\. Remedy: .* Next try: in 60 min$/,
      ),
      expect.stringMatching(/^info: "uploads\/a\.jpg" has reached host name-of-h2/),
    ]);
    block('b.jpg');
    block('c.jpg');
    arrive('b.jpg');
    expect(said).toHaveLength(2);
  });

  test('of a fetch for visitors is one warning, and one line when a file comes again', () => {
    const { events, said } = collect();
    const path = 'uploads/a.jpg' as Path;
    for (let visitor = 0; visitor < 3; visitor++)
      events.emit('fetchFailed', { path, host: 'h2', failure: failure('TIMED_OUT', 'too slow') });
    for (let visitor = 0; visitor < 3; visitor++)
      events.emit('fetched', { path, host: 'h2', bytes: 1, ms: 1, placed: true });
    expect(said).toEqual([
      expect.stringMatching(
        /^warn: .*TIMED_OUT: too slow\. Remedy: .* Next try: with the next request$/,
      ),
      'info: visitors get files from host name-of-h2 again',
    ]);
  });

  test('without a next try waits for a person', () => {
    const { events, said } = collect();
    events.emit('blocked', {
      path: 'uploads/a' as Path,
      host: 'h2',
      failure: failure('BAD_PATH', 'x'),
    });
    expect(said[0]).toMatch(/Next try: when a person has acted$/);
  });
});

function collect(): { events: EventBus; said: string[] } {
  const said: string[] = [];
  const say =
    (level: string) =>
    (message: string): void =>
      void said.push(`${level}: ${message}`);
  return {
    events: makeEvents({ info: say('info'), warn: say('warn'), error: say('error') }),
    said,
  };
}
