import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LeaderContext } from '../../../src/context/leader-context.js';
import { AdoptHistory } from '../../../src/leader/jobs/adopt-history.js';
import type { HistoryStateStore } from '../../../src/leader/history-state.js';
import type { Entry } from '../../../src/model/entry.js';
import type { ErrorCode } from '../../../src/model/errors.js';
import type { HistoryAdoption, Host } from '../../../src/model/host.js';
import type { Path } from '../../../src/model/path.js';
import type { History } from '../../../src/transport/history.js';
import { makePartial } from '../../harness/partial.js';

const since = new Date('2026-11-28T12:00:00Z');
const megabyte = 1024 ** 2;

let entries: Entry[], hosts: Partial<Host>[], recorded: string[][], failed: unknown[];
let adoption: HistoryAdoption | undefined, isPending: boolean, failure: Error | undefined;
let capturers: readonly string[], notices: number;
let unrecordable: Map<string, ErrorCode>, replaced: string[];
let job: AdoptHistory;

const makeEntry = (name: string, size: number): Entry =>
  ({
    path: name as Path,
    version: `v of ${name}`,
    kind: 'file',
    info: { size, mtime: 1, nanos: 0 },
    superseded: [],
    capturedAt: since,
  }) as unknown as Entry;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  [recorded, failed, hosts] = [[], [], []];
  [isPending, failure, notices, capturers] = [false, undefined, 0, []];
  unrecordable = new Map();
  replaced = [];
  adoption = { since, files: 0, bytes: 0 };
  entries = Array.from({ length: 250 }, (_, index) => makeEntry(String(1_000 + index), 1));
  job = makeJob();
});
afterEach(async () => {
  await job.close();
  vi.useRealTimers();
});

function makeJob(scansPeriodically = true): AdoptHistory {
  const history = makePartial<History>({
    record: async (requests) => {
      if (failure) throw failure;
      replaced.push(...requests.flatMap(({ replaces }) => replaces ?? []));
      recorded.push(requests.map(({ path }) => path));
      return requests.flatMap((request) => {
        const code = unrecordable.get(request.path);
        return code === undefined
          ? []
          : [{ request, failure: { code, message: code, retryable: true, scope: 'path' } }];
      });
    },
  });
  return new AdoptHistory(
    {
      me: 'A',
      backend: makePartial<LeaderContext['backend']>({ history }),
      config: {
        history: { maxBytes: 1024 * megabyte, maxFileBytes: 50 * megabyte },
      } as LeaderContext['config'],
      ledger: makePartial<LeaderContext['ledger']>({
        hasPending: () => Promise.resolve(isPending),
        findAdoptable: (filter, limit, after) => {
          capturers = filter.capturedBy;
          const rest = entries.filter(({ path }) => after === undefined || path > after);
          return Promise.resolve(rest.slice(0, limit));
        },
      }),
      registry: makePartial<LeaderContext['registry']>({
        me: () => ({ id: 'A', deliveries: {} }) as Host,
        recipients: () => hosts.filter(({ status }) => status === 'approved') as Host[],
        all: () => hosts as Host[],
      }),
      tuning: { scansPeriodically } as LeaderContext['tuning'],
      events: makePartial<LeaderContext['events']>({
        emit: (_name, event) => {
          failed.push(event);
        },
      }),
    },
    Object.defineProperty(
      makePartial<HistoryStateStore>({
        recordAdoption: (next) => {
          adoption = next;
          return Promise.resolve();
        },
      }),
      'adoption',
      { get: () => adoption },
    ),
    () => {
      notices++;
    },
  );
}

/** Polls, and lets a batch that begins come to its end. */
async function poll(): Promise<number> {
  await job.poll();
  await new Promise((resolve) => setImmediate(resolve));
  return recorded.flat().length;
}

test('records a hundred files at each poll until all are, and asks to share them', async () => {
  expect([await poll(), await poll(), await poll()]).toEqual([100, 200, 250]);
  expect(adoption).toMatchObject({ files: 250, bytes: 250 });
  expect(adoption?.endedAt).toBe(undefined);
  await poll();
  expect(adoption?.endedAt).toBeInstanceOf(Date);
  expect(await poll()).toBe(250);
  expect(notices).toBe(3);
});

test('adopts files alone, and not what they replaced before the history', async () => {
  const superseded = [{ version: 'earlier' }] as Entry['superseded'];
  entries = [{ ...makeEntry('1', 1), superseded }];
  expect(await poll()).toBe(1);
  expect(replaced).toEqual([]);
});

test('goes on where an earlier leader was', async () => {
  adoption = { since, files: 240, bytes: 240, after: '1239' };
  expect(await poll()).toBe(10);
  expect(recorded[0]?.[0]).toBe('1240');
});

test('records no more at a poll once 64 MiB are reached, but at least one file', async () => {
  entries = [40, 20, 20, 45, 45].map((size, index) => makeEntry(String(index), size * megabyte));
  expect([await poll(), await poll(), await poll()]).toEqual([2, 3, 4]);
});

test('ends before the files would take more than half of the limit; those that are only named take nothing', async () => {
  entries = [10_000, 40, 1].map((size, index) => makeEntry(String(index), size * megabyte));
  adoption = { since, files: 9, bytes: 480 * megabyte };
  expect(await poll()).toBe(1);
  expect(adoption).toMatchObject({ files: 10, bytes: 480 * megabyte, isFull: true });
  expect(adoption?.endedAt).toBeInstanceOf(Date);
  expect(await poll()).toBe(1);
});

test('what the other hosts adopted counts against the same half', async () => {
  entries = [makeEntry('0', 40 * megabyte)];
  hosts = [
    { id: 'A', status: 'approved' },
    {
      id: 'B',
      status: 'approved',
      history: { adoption: { since, files: 9, bytes: 480 * megabyte } },
    },
  ];
  expect(await poll()).toBe(0);
  expect(adoption).toMatchObject({ files: 0, isFull: true });
});

test('a file that cannot be read is reported, and does not hold up the others', async () => {
  const { path } = entries[0]!;
  unrecordable.set(path, 'PERMISSION_DENIED');
  unrecordable.set(entries[1]!.path, 'NOT_RECORDED');
  await poll();
  expect(adoption).toMatchObject({ files: 98, after: '1099' });
  expect(failed).toMatchObject([{ doing: job.name, error: { code: 'PERMISSION_DENIED' } }]);
});

test('a sync dir that is not mounted holds up the rest, until it is mounted', async () => {
  for (const { path } of entries.slice(40, 60)) unrecordable.set(path, 'NO_MARKER');
  await poll();
  expect(adoption).toMatchObject({ files: 40, bytes: 40, after: '1039' });
  vi.advanceTimersByTime(60_000);
  await poll();
  expect(recorded[1]).toEqual(['1040']);
  expect(adoption).toMatchObject({ files: 40, after: '1039' });
  expect(adoption?.endedAt).toBe(undefined);
  unrecordable.clear();
  for (let tries = 0; tries < 4; tries++) {
    vi.advanceTimersByTime(60_000);
    await poll();
  }
  expect(adoption).toMatchObject({ files: 250, bytes: 250, after: '1249' });
});

test('waits while something is to be delivered, and until the history was opened', async () => {
  isPending = true;
  expect(await poll()).toBe(0);
  isPending = false;
  const announced = adoption;
  adoption = undefined;
  expect(await poll()).toBe(0);
  adoption = announced;
  expect(await poll()).toBe(100);
});

test('a command that leads for a moment adopts nothing', async () => {
  job = makeJob(false);
  expect(await poll()).toBe(0);
});

test('reports a failure, and tries the same files again a minute later', async () => {
  failure = new Error('the disk is full');
  expect(await poll()).toBe(0);
  expect(failed).toEqual([{ doing: job.name, error: failure }]);
  failure = undefined;
  expect(await poll()).toBe(0);
  vi.advanceTimersByTime(61_000);
  expect(await poll()).toBe(100);
});

test('each host adopts what it captured; files of retired hosts fall to the first one with a history', async () => {
  const history = {};
  hosts = [
    { id: 'A', status: 'approved', history },
    { id: 'B', status: 'approved', history },
    { id: 'gone', status: 'retired' },
  ];
  await poll();
  expect(capturers).toEqual(['A', 'gone']);
  hosts.push({ id: '0', status: 'approved', history });
  await poll();
  expect(capturers).toEqual(['A']);
});
