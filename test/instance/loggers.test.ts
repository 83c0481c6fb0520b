import { Writable } from 'node:stream';
import mongoose from 'mongoose';
import { pino } from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import winston from 'winston';
import { createSyncMedia, startSyncMedia, type Log } from '../../src/index.js';
import { resolveConfig } from '../../src/config/resolve-config.js';
import { resolveStartOptions } from '../../src/config/start-options.js';
import { RedirectableLog, stderrLog } from '../../src/model/log.js';
import { makeTestDir } from '../harness/tmp.js';

/** A file name may hold what loggers format, and ends of lines. */
const message = '100%s of "a %d %j %% %o.jpg"';

function collect(): { lines: string[]; stream: Writable } {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(...String(chunk).trimEnd().split('\n'));
      done();
    },
  });
  return { lines, stream };
}

afterEach(() => {
  vi.restoreAllMocks();
});

function captureStderr(): string[] {
  const written: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  return written;
}

function collectMessages(): { lines: string[]; log: Log } {
  const lines: string[] = [];
  const add = (line: string): void => void lines.push(line);
  return { lines, log: { info: add, warn: add, error: add } };
}

/** Logs a message of each level through an instance's log. */
function logAll(log: Log): void {
  const through = new RedirectableLog();
  through.redirect(log);
  for (const level of ['info', 'warn', 'error'] as const) through[level](message);
}

describe('log', () => {
  test('can be a logger of pino', () => {
    const { lines, stream } = collect();
    logAll(pino(stream));
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      [30, 40, 50].map((level) => expect.objectContaining({ level, msg: message }) as unknown),
    );
  });

  test.each([
    ['simple', winston.format.simple()],
    ['splat', winston.format.combine(winston.format.splat(), winston.format.simple())],
  ])('can be a logger of winston with the format %s', (_, format) => {
    const { lines, stream } = collect();
    logAll(winston.createLogger({ format, transports: new winston.transports.Stream({ stream }) }));
    expect(lines).toEqual(['info', 'warn', 'error'].map((level) => `${level}: ${message}`));
  });

  test('can be the console', () => {
    const written = ['info', 'warn', 'error'].map((level) =>
      vi.spyOn(console, level as 'info').mockImplementation(() => undefined),
    );
    logAll(console);
    for (const spy of written) expect(spy.mock.calls).toEqual([[message]]);
  });

  test('by default is stderr: one line each, with level and name', () => {
    const written = captureStderr();
    stderrLog.info('started');
    stderrLog.warn(message);
    stderrLog.error('failed: Error\n    at x\x1b[2J');
    expect(written).toEqual([
      'syncmedia: started\n',
      `syncmedia: warning: ${message}\n`,
      'syncmedia: error: failed: Error\\n    at x\\x1b[2J\n',
    ]);
  });

  test('gets every character that would reorder its line as an escape', () => {
    const { lines, log } = collectMessages();
    resolveConfig({ log, environment: { HOME: '/' } }).log.error('a\u202eb\u2066c\u200ed\ne');
    expect(lines.at(-1)).toBe('a\\u202eb\\u2066c\\u200ed\\ne');
  });

  test('that lacks a method is refused by name', () => {
    const syslog = winston.createLogger({ levels: winston.config.syslog.levels });
    for (const make of [
      () => createSyncMedia({ log: syslog }),
      () => resolveStartOptions({ log: syslog }),
    ])
      expect(make).toThrow(/log has no method "warn"/);
  });
});

test('startSyncMedia gives the default instance its log', async () => {
  const dir = await makeTestDir();
  vi.stubEnv('SYNCMEDIA_STATE_DIR', dir.path);
  const { lines, stream } = collect();
  try {
    await expect(startSyncMedia({ logger: console } as object)).rejects.toThrow(
      /unknown option "logger"; known are log/,
    );
    const instance = await startSyncMedia({ log: pino(stream) });
    expect(lines).toEqual([expect.stringContaining('run `syncmedia init`')]);
    await instance.close();
  } finally {
    vi.unstubAllEnvs();
    await dir.remove();
  }
});

test('startSyncMedia ignores arguments that a promise passes on', () => {
  expect(resolveStartOptions(mongoose).log).toBeUndefined();
  expect(resolveStartOptions(null).log).toBeUndefined();
});
