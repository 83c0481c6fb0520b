import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LeaderContext } from '../../../src/context/leader-context.js';
import { RecordHistory } from '../../../src/leader/jobs/record-history.js';
import type { HistoryStateStore } from '../../../src/leader/history-state.js';
import type { Entry } from '../../../src/model/entry.js';
import type { Path } from '../../../src/model/path.js';
import type { History } from '../../../src/transport/history.js';
import { makePartial } from '../../harness/partial.js';
import { until } from '../../harness/wait.js';

let isDelivering: () => boolean, enqueue: (entries: readonly Entry[]) => void;
let recorded: string[], marked: number, failed: unknown[];
let job: RecordHistory;

const makeEntries = (count: number): Entry[] =>
  Array.from(
    { length: count },
    (_, index) =>
      ({
        path: `${String(index)}.jpg` as Path,
        version: `v${String(index)}`,
        kind: 'tombstone',
        superseded: [],
        capturedAt: new Date(),
        capturedBy: 'A',
        unrecorded: true,
      }) as unknown as Entry,
  );

beforeEach(async () => {
  [recorded, marked, failed] = [[], 0, []];
  isDelivering = () => false;
  const history = makePartial<History>({
    open: () => Promise.resolve(false),
    record: (requests) => {
      recorded.push(...requests.map(({ path }) => path));
      return Promise.resolve([]);
    },
  });
  job = new RecordHistory(
    {
      me: 'A',
      config: {
        backend: 'git',
        history: { maxFileBytes: 1_000_000, maxBytes: 1_000_000 },
      } as LeaderContext['config'],
      disk: makePartial<LeaderContext['disk']>({}),
      forgotten: makePartial<LeaderContext['forgotten']>({}),
      registry: makePartial<LeaderContext['registry']>({ recipients: () => [], all: () => [] }),
      backend: makePartial<LeaderContext['backend']>({ history }),
      ledger: makePartial<LeaderContext['ledger']>({
        findUnrecorded: () => Promise.resolve([]),
        markRecorded: (requests) => {
          marked += requests.length;
          return Promise.resolve();
        },
      }),
      events: makePartial<LeaderContext['events']>({
        emit: (_name, event) => {
          failed.push(event);
        },
      }),
      tuning: { backoffMs: 10, backoffMaxMs: 10 } as LeaderContext['tuning'],
      replica: makePartial<LeaderContext['replica']>({}),
      onEntries: (listener) => {
        enqueue = listener;
        return () => undefined;
      },
      isDelivering: () => isDelivering(),
    },
    makePartial<HistoryStateStore>({
      announce: () => Promise.resolve(),
      recordFailure: () => Promise.resolve(),
    }),
    () => undefined,
  );
  await job.start();
});
afterEach(async () => {
  await job.close();
  vi.useRealTimers();
  expect(failed).toEqual([]);
});

test('versions are recorded once their deliveries have ended', async () => {
  let asked = 0,
    askedBefore: number | undefined;
  isDelivering = () => {
    if (recorded.length > 0) askedBefore ??= asked;
    return ++asked < 4;
  };
  enqueue(makeEntries(10));
  await until(() => marked === 10);
  await until(() => askedBefore !== undefined);
  expect(askedBefore).toBeGreaterThanOrEqual(4);
});

test('many versions are recorded beside deliveries, as far as memory needs it', async () => {
  // No wait ends by time.
  vi.useFakeTimers({ toFake: ['performance'] });
  isDelivering = () => true;
  enqueue(makeEntries(1_600));
  await until(() => marked > 0);
  expect(marked).toBeLessThan(1_600);
  isDelivering = () => false;
  await until(() => marked === 1_600);
  expect(new Set(recorded).size).toBe(1_600);
});
