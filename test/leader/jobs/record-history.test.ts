import type { FileHandle } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LeaderContext } from '../../../src/context/leader-context.js';
import { RecordHistory } from '../../../src/leader/jobs/record-history.js';
import type { HistoryStateStore } from '../../../src/leader/history-state.js';
import type { Entry } from '../../../src/model/entry.js';
import { SyncMediaError } from '../../../src/model/errors.js';
import type { RecordRequest } from '../../../src/model/history.js';
import type { Path } from '../../../src/model/path.js';
import type { OpenFile } from '../../../src/replica/open-file.js';
import type { History } from '../../../src/transport/history.js';
import { makePartial } from '../../harness/partial.js';
import { until } from '../../harness/wait.js';

let hasTraffic: () => boolean, enqueue: (entries: readonly Entry[]) => void;
let recorded: string[], requested: RecordRequest[], marked: number, failed: unknown[];
let forgotten: Map<Path, Date>, waiting: Entry[], current: Map<Path, Entry>;
let gone: Set<string>, findCopy: (path: string) => Promise<undefined>, fault: Error | undefined;
let job: RecordHistory;
let closed: number;
const openHandle = makePartial<FileHandle>({
  close: () => {
    closed++;
    return Promise.resolve();
  },
});

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
  [recorded, requested, marked, failed, closed] = [[], [], 0, [], 0];
  hasTraffic = () => false;
  forgotten = new Map();
  waiting = [];
  current = new Map();
  gone = new Set();
  fault = undefined;
  findCopy = () => Promise.resolve(undefined);
  const history = makePartial<History>({
    open: () => Promise.resolve(false),
    record: (requests) => {
      if (fault) return Promise.reject(fault);
      requested.push(...requests);
      const missing = requests.filter(({ path, isLost }) => gone.has(path) && isLost !== true);
      recorded.push(
        ...requests.filter((one) => !missing.includes(one)).map(({ path }) => path as string),
      );
      const failure = {
        code: 'NOT_RECORDED',
        message: '',
        retryable: false,
        scope: 'path',
      } as const;
      return Promise.resolve(missing.map((request) => ({ request, failure, isGone: true })));
    },
  });
  job = new RecordHistory(
    {
      me: 'A',
      config: {
        backend: 'git',
        history: { maxFileBytes: 1_000_000, maxBytes: 1_000_000, days: 30 },
      } as LeaderContext['config'],
      disk: makePartial<LeaderContext['disk']>({ openCopy: (path) => findCopy(path) }),
      forgotten: makePartial<LeaderContext['forgotten']>({
        findLast: () => Promise.resolve(forgotten),
      }),
      registry: makePartial<LeaderContext['registry']>({ recipients: () => [], all: () => [] }),
      backend: makePartial<LeaderContext['backend']>({ history }),
      ledger: makePartial<LeaderContext['ledger']>({
        findUnrecorded: () => Promise.resolve(waiting.splice(0)),
        readMany: () => Promise.resolve(current),
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
      replica: makePartial<LeaderContext['replica']>({
        findRecentBytes: () => undefined,
        open: () => Promise.resolve(makePartial<OpenFile>({ handle: openHandle })),
      }),
      onEntries: (listener) => {
        enqueue = listener;
        return () => undefined;
      },
      hasTraffic: () => hasTraffic(),
    },
    makePartial<HistoryStateStore>({
      announce: () => Promise.resolve(),
      recordFailure: () => Promise.resolve(),
    }),
    () => undefined,
  );
  await job.start();
});

/** Versions of files that were replaced before their record, as the ledger names them. */
const makeReplaced = (count: number): Entry[] =>
  makeEntries(count).map((entry) => ({
    ...entry,
    unrecorded: false,
    toRecord: [
      {
        version: `old ${entry.path}`,
        by: 'A',
        at: entry.capturedAt,
        replacedAt: entry.capturedAt,
        info: { size: 1, mtime: 1 },
      },
    ],
  }));

afterEach(async () => {
  await job.close();
  vi.useRealTimers();
  expect(failed).toEqual([]);
});

test('versions are recorded once their deliveries have ended', async () => {
  let asked = 0,
    askedBefore: number | undefined;
  hasTraffic = () => {
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
  hasTraffic = () => true;
  enqueue(makeEntries(1_600));
  await until(() => marked > 0);
  expect(marked).toBeLessThan(1_600);
  hasTraffic = () => false;
  await until(() => marked === 1_600);
  expect(new Set(recorded).size).toBe(1_600);
});

test('a version in memory whose path was forgotten is not recorded once another has replaced it', async () => {
  const [replaced, still, ...others] = makeEntries(4);
  const asked = new Date(Date.now() + 60_000);
  forgotten = new Map([replaced!, still!].map(({ path }) => [path, asked]));
  current = new Map([
    [replaced!.path, { ...replaced!, version: 'newer' }],
    [still!.path, still!],
  ]);
  enqueue([replaced!, still!, ...others]);
  await until(() => marked === 4);
  expect(recorded.sort()).toEqual(['1.jpg', '2.jpg', '3.jpg']);
});

test('a version whose path is forgotten while its bytes are searched is not recorded', async () => {
  gone = new Set(['0.jpg']);
  waiting = makeReplaced(1);
  findCopy = (path) => {
    forgotten = new Map([[path as Path, new Date(Date.now() + 60_000)]]);
    return Promise.resolve(undefined);
  };
  job.pollThoroughly();
  await until(() => marked > 0);
  expect(recorded).toEqual([]);
});

test('a version that is newer than the last request to forget its path says when that was', async () => {
  const [newer, other] = makeEntries(2);
  const asked = new Date(Date.now() - 60_000);
  forgotten = new Map([[newer!.path, asked]]);
  enqueue([newer!, other!]);
  await until(() => marked === 2);
  expect(requested.map(({ forgottenAt }) => forgottenAt)).toEqual([asked, undefined]);
});

test('versions that were just captured do not wait for the search of all that are missing', async () => {
  gone = new Set(['0.jpg', '1.jpg', '2.jpg']);
  waiting = makeReplaced(3);
  const searched: string[] = [];
  let [fresh] = makeEntries(1);
  fresh = { ...fresh!, path: 'fresh.jpg' as Path };
  findCopy = (path) => {
    if (searched.length === 0) enqueue([fresh]);
    searched.push(path);
    return Promise.resolve(undefined);
  };
  job.pollThoroughly();
  await until(() => marked === 4);
  expect(recorded).toEqual(['0.jpg', 'fresh.jpg', '1.jpg', '2.jpg']);
  expect(new Set(searched)).toEqual(gone);
  expect(failed.splice(0)).toHaveLength(3);
});

test('an error at one version leaves the others recorded', async () => {
  gone = new Set(['0.jpg']);
  waiting = makeReplaced(3);
  findCopy = () => Promise.reject(new Error('EIO'));
  job.pollThoroughly();
  await until(() => marked === 2);
  expect(recorded).toEqual(['1.jpg', '2.jpg']);
});

test('an entry without room for more versions to record is reported once', async () => {
  const [entry] = makeReplaced(1);
  const full = { ...entry!, toRecord: Array.from({ length: 100 }, () => entry!.toRecord![0]!) };
  enqueue([full]);
  enqueue([full]);
  expect(failed.splice(0)).toMatchObject([{ error: { code: 'NOT_RECORDED' } }]);
});

test('a full disk gets the space of the files that wait to be recorded', async () => {
  fault = new SyncMediaError('DISK_FULL', 'no space is left');
  const [entry] = makeEntries(1);
  enqueue([{ ...entry!, kind: 'file', info: { size: 1_000, mtime: 1, nanos: 0, sha256: 'x' } }]);
  await until(() => closed === 1);
  fault = undefined;
  await until(() => failed.length > 0);
  failed.splice(0);
});
