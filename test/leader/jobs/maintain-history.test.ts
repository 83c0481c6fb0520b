import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LeaderContext } from '../../../src/context/leader-context.js';
import { MaintainHistory } from '../../../src/leader/jobs/maintain-history.js';
import type { HistoryStateStore } from '../../../src/leader/history-state.js';
import type { Host } from '../../../src/model/host.js';
import type { History } from '../../../src/transport/history.js';
import { makePartial } from '../../harness/partial.js';

const minute = 60_000,
  hour = 60 * minute;
const maxBytes = 1_000;

let calls: string[], sizes: unknown[], failed: unknown[];
let times: (Date | undefined)[];
let isPending: boolean, needsPacking: boolean, bytes: number, failure: Error | undefined;
let jobs: MaintainHistory[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  [calls, sizes, failed, jobs, times] = [[], [], [], [], []];
  [isPending, needsPacking, bytes, failure] = [false, false, 10, undefined];
});
afterEach(async () => {
  for (const job of jobs) await job.close();
  vi.useRealTimers();
});

function makeJob({ scansPeriodically = true, hasHistory = true } = {}): MaintainHistory {
  const history = makePartial<History>({
    needsPacking: () => Promise.resolve(needsPacking),
    maintain: async (signal, now) => {
      calls.push('maintain');
      times.push(now);
      if (failure) throw failure;
      signal.throwIfAborted();
      return { bytes };
    },
  });
  const job = new MaintainHistory(
    {
      me: 'A',
      backend: makePartial<LeaderContext['backend']>(
        hasHistory ? { history } : { history: undefined as never },
      ),
      config: { history: { maxBytes } } as LeaderContext['config'],
      ledger: makePartial<LeaderContext['ledger']>({
        hasPending: () => Promise.resolve(isPending),
      }),
      registry: makePartial<LeaderContext['registry']>({
        me: () => ({ id: 'A', deliveries: {}, heartbeatAt: new Date(7) }) as Host,
        all: () => [],
      }),
      tuning: { scansPeriodically } as LeaderContext['tuning'],
      events: makePartial<LeaderContext['events']>({
        emit: (_name, event) => {
          failed.push(event);
        },
      }),
    },
    makePartial<HistoryStateStore>({
      recordSize: (size) => {
        sizes.push(size);
        return Promise.resolve();
      },
    }),
  );
  jobs.push(job);
  return job;
}

/** Polls after a while, and lets a cleaning that begins come to its end. */
async function pollAfter(job: MaintainHistory, milliseconds: number): Promise<number> {
  vi.advanceTimersByTime(milliseconds);
  await job.pollThoroughly();
  await new Promise((resolve) => setImmediate(resolve));
  return calls.length;
}

test('cleans ten minutes after the start, and then once a day', async () => {
  const job = makeJob();
  expect(await pollAfter(job, 9 * minute)).toBe(0);
  expect(await pollAfter(job, 2 * minute)).toBe(1);
  expect(await pollAfter(job, 23 * hour)).toBe(1);
  expect(await pollAfter(job, 2 * hour)).toBe(2);
  expect(sizes).toEqual([{ bytes }, { bytes }]);
});

test('waits while something is to be delivered', async () => {
  const job = makeJob();
  isPending = true;
  expect(await pollAfter(job, hour)).toBe(0);
  isPending = false;
  expect(await pollAfter(job, 0)).toBe(1);
});

test('packs within a minute once reading becomes slow', async () => {
  const job = makeJob();
  expect(await pollAfter(job, hour)).toBe(1);
  expect(await pollAfter(job, 2 * minute)).toBe(1);
  needsPacking = true;
  expect(await pollAfter(job, 30_000)).toBe(1);
  expect(await pollAfter(job, minute)).toBe(2);
});

test('looks again after an hour if what was removed still occupies the disk', async () => {
  const job = makeJob();
  bytes = maxBytes + 1;
  expect(await pollAfter(job, hour)).toBe(1);
  expect(await pollAfter(job, hour)).toBe(1);
  expect(await pollAfter(job, 2 * minute)).toBe(2);
});

test('reports a failure, and tries again ten minutes later', async () => {
  const job = makeJob();
  failure = new Error('the disk is full');
  expect(await pollAfter(job, hour)).toBe(1);
  expect(failed).toEqual([{ doing: job.name, error: failure }]);
  failure = undefined;
  expect(await pollAfter(job, 9 * minute)).toBe(1);
  expect(await pollAfter(job, 2 * minute)).toBe(2);
  expect(sizes).toEqual([{ bytes }]);
});

test.each([
  ['a command that leads for a moment', { scansPeriodically: false }],
  ['a backend without a history', { hasHistory: false }],
])('%s cleans nothing', async (_who, options) => {
  expect(await pollAfter(makeJob(options), 48 * hour)).toBe(0);
});

test('a job that was closed begins nothing', async () => {
  const job = makeJob();
  await job.close();
  expect(await pollAfter(job, hour)).toBe(0);
});

test('days are counted by the clock of the database', async () => {
  await pollAfter(makeJob(), 11 * minute);
  expect(times).toEqual([new Date(7)]);
});
