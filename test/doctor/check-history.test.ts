import { expect, test } from 'vitest';
import { assessHistory, checkHistory } from '../../src/doctor/check-history.js';
import type { HistoryState } from '../../src/model/host.js';
import { makePartial } from '../harness/partial.js';

type Examined = Parameters<typeof checkHistory>[0];

const since = new Date('2026-11-28T12:00:00Z');
const failure = {
  code: 'DISK_FULL',
  message: 'The disk of the history is full.',
  retryable: true,
  scope: 'host',
} as const;
const ended = { since, files: 12, bytes: 3, endedAt: since };

test.each<[string, HistoryState | undefined, number, object]>([
  [
    'a history that was never opened is mentioned, with what to start',
    undefined,
    0,
    { state: 'info', remedy: expect.stringContaining('SYNCMEDIA_BACKEND=git') as unknown },
  ],
  [
    'everything is recorded',
    { bytes: 1024 ** 2 + 1, oldest: since },
    0,
    { state: 'ok', message: 'every new version is recorded, 2 MiB, since 2026-11-28' },
  ],
  [
    'versions that wait are counted, although nothing fails',
    {},
    1,
    { state: 'info', message: '1 version is not recorded yet' },
  ],
  [
    'a failure comes with its cause, its beginning and the number of versions that wait',
    { failure, failingSince: since },
    1_000,
    {
      state: 'failed',
      message:
        'nothing is recorded since 2026-11-28T12:00:00.000Z, and over 1000 versions are not ' +
        'recorded yet: The disk of the history is full.',
    },
  ],
  [
    'existing files that are being adopted are counted',
    { adoption: { since, files: 7, bytes: 3 } },
    0,
    {
      state: 'ok',
      message: expect.stringContaining('7 existing files are recorded so far') as unknown,
    },
  ],
  [
    'existing files that were adopted are counted',
    { adoption: ended },
    0,
    {
      state: 'ok',
      message: expect.stringContaining('12 existing files are recorded, too') as unknown,
    },
  ],
  [
    'existing files that do not fit are mentioned, with the limit',
    { adoption: { ...ended, isFull: true } },
    0,
    { state: 'ok', message: expect.stringContaining('SYNCMEDIA_HISTORY_MAX_BYTES') as unknown },
  ],
])('%s', (_claim, history, unrecorded, expected) => {
  expect(assessHistory(history, unrecorded)).toMatchObject(expected);
});

const examine = (backend: 'rsync' | 'git', history?: HistoryState): Examined => ({
  config: makePartial<Examined['config']>({ backend }),
  registry: makePartial<Examined['registry']>({
    me: () => ({ id: 'h1', ...(history && { history }) }) as ReturnType<Examined['registry']['me']>,
    find: () => undefined,
  }),
  ledger: { countUnrecorded: () => Promise.resolve(0) },
});

test('nothing is said of a backend without a history', async () => {
  expect(await checkHistory(examine('rsync'))).toEqual([]);
});

test('each host that gets no history is named, with the cause and since when', async () => {
  const checks = await checkHistory(examine('git', { unshared: { h2: { failure, since } } }));
  expect(checks).toMatchObject([
    { name: 'history', state: 'ok' },
    {
      name: 'history to h2',
      state: 'failed',
      message: 'not shared since 2026-11-28T12:00:00.000Z: The disk of the history is full.',
    },
  ]);
});
