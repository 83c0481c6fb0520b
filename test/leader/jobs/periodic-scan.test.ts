import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Config, Tuning } from '../../../src/config/config.js';
import type { KnownDirs } from '../../../src/context/known-dirs.js';
import type { Registry } from '../../../src/hosts/registry.js';
import { PeriodicScan } from '../../../src/leader/jobs/periodic-scan.js';
import type { Ledger } from '../../../src/ledger/ledger.js';
import { DAY_MS } from '../../../src/model/clock.js';
import { SyncMediaError } from '../../../src/model/errors.js';
import { EventBus } from '../../../src/model/events.js';
import type { Host } from '../../../src/model/host.js';
import type { Path } from '../../../src/model/path.js';
import type { SyncDir } from '../../../src/model/sync-dir.js';
import { SyncDirs } from '../../../src/replica/sync-dirs.js';
import { makePartial } from '../../harness/partial.js';
import { until } from '../../harness/wait.js';

const dir: SyncDir = { path: 'uploads' as Path, exclude: [], conflict: 'newer', onDelete: 'keep' };
const longAgo = new Date(0);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Lets a new leader scan an unmounted sync dir three times, and lists the failures of each. */
async function scanUnmounted(me: Pick<Host, 'scans' | 'setup'>): Promise<string[][]> {
  const events = new EventBus();
  const failures: string[][] = [];
  events.on('failed', ({ doing }) => failures.at(-1)?.push(doing));
  let ended = (): void => undefined;
  const job = new PeriodicScan({
    events,
    config: makePartial<Config>({}),
    tuning: makePartial<Tuning>({
      scanAllMs: 1_000,
      scansPeriodically: true,
      scanChangedMs: 1_000,
      tombstoneMs: 1_000,
    }),
    registry: makePartial<Registry>({
      me: () => makePartial<Host>({ readyAt: longAgo, scans: {}, setup: [], ...me }),
    }),
    dirs: makePartial<KnownDirs>({ current: () => new SyncDirs([dir]) }),
    ledger: makePartial<Ledger>({}),
    scan: () => {
      setImmediate(ended);
      return Promise.reject(new SyncMediaError('NO_MARKER', 'not mounted'));
    },
  });
  for (let round = 0; round < 3; round++) {
    failures.push([]);
    const scanning = new Promise<void>((resolve) => {
      ended = resolve;
    });
    job.pollThoroughly();
    await scanning;
    vi.advanceTimersByTime(60_000);
  }
  await job.close();
  return failures;
}

const failure = ['the periodic scan of uploads'];

test('a new leader reports at every scan that a sync dir, which was scanned before, is unmounted', async () => {
  const scans = { uploads: { all: longAgo, changed: longAgo } };
  expect(await scanUnmounted({ scans })).toEqual([failure, failure, failure]);
});

test('a sync dir that had no marker at the start of the application is left to its report', async () => {
  const setup = [{ about: 'uploads', message: 'no marker', remedy: 'init' }];
  expect(await scanUnmounted({ setup })).toEqual([[], [], []]);
});

test('a sync dir without a marker that no application has reported is reported', async () => {
  expect(await scanUnmounted({})).toEqual([[], failure, failure]);
});

/** Runs the job on a host whose last scans have these dates; tells how far each scan reads. */
function runOn(scans: NonNullable<Host['scans']>[string]): {
  job: PeriodicScan;
  scopes: unknown[];
  recorded: () => Promise<void>;
} {
  const scopes: unknown[] = [];
  let count = 0;
  const job = new PeriodicScan({
    events: new EventBus(),
    config: makePartial<Config>({ history: makePartial<Config['history']>({ days: 30 }) }),
    tuning: makePartial<Tuning>({
      scanAllMs: DAY_MS,
      scansPeriodically: true,
      scanChangedMs: 600_000,
      tombstoneMs: 365 * DAY_MS,
    }),
    registry: makePartial<Registry>({
      me: () => makePartial<Host>({ readyAt: longAgo, scans: { uploads: scans } }),
      recordScan: () => {
        count++;
        return Promise.resolve();
      },
    }),
    dirs: makePartial<KnownDirs>({ current: () => new SyncDirs([dir]) }),
    ledger: makePartial<Ledger>({ forgetTombstones: () => Promise.resolve() }),
    scan: (_dir, _signal, scope) => {
      scopes.push(scope?.changedSince);
      return Promise.resolve();
    },
  });
  const recorded = async (): Promise<void> => {
    const before = count;
    job.pollThoroughly();
    await until(() => count > before);
  };
  return { job, scopes, recorded };
}

test('after the clock was set back a sync dir is scanned as a whole, since no date tells what changed', async () => {
  const now = Date.now();
  const { job, scopes, recorded } = runOn({
    all: new Date(now - 60_000),
    changed: new Date(now + DAY_MS),
  });
  await recorded();
  await job.close();
  expect(scopes).toEqual([undefined]);
});

test('a clock that is set back for less than the time between two scans is noticed, too', async () => {
  const now = Date.now();
  const { job, scopes, recorded } = runOn({
    all: new Date(now - 1_800_000),
    changed: new Date(now - 1_200_000),
  });
  await recorded();
  const real = Date.now;
  vi.spyOn(Date, 'now').mockImplementation(() => real() - 180_000);
  await recorded();
  await job.close();
  expect(scopes).toEqual([now - 1_200_000 - 2_000, undefined]);
});
