import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Backend } from '../../src/transport/backend.js';
import { runBootstrap } from '../../src/runs/bootstrap.js';
import type { LeaderContext } from '../../src/context/leader-context.js';
import { defaultTuning, type Config } from '../../src/config/config.js';
import type { KnownDirs } from '../../src/context/known-dirs.js';
import type { Outbox } from '../../src/capture/outbox.js';
import type { HeartbeatMonitor } from '../../src/hosts/heartbeats.js';
import type { Registry } from '../../src/hosts/registry.js';
import type { Acknowledger } from '../../src/ledger/acknowledge.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import type { RunProgress } from '../../src/runs/run-progress.js';
import { pullFrom } from '../../src/runs/pull.js';
import { SyncMediaError } from '../../src/model/errors.js';
import type { Change, DeliveryOutcome } from '../../src/model/change.js';
import type { Failure } from '../../src/model/failure.js';
import type { Host, HostId } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import type { Run } from '../../src/model/run.js';
import { makePartial } from '../harness/partial.js';
import { until } from '../harness/wait.js';
import { openSite, photo, photos, type SiteReplica, type Site } from '../ledger/site.js';

const other = {
  id: 'B',
  status: 'approved',
  passive: false,
  readyAt: new Date(),
  syncDirs: [],
  rootPath: '/srv/b',
} as unknown as Host;
const files = 20,
  there = { size: 3, mtime: 1_000 };
let site: Site, a: SiteReplica, paths: Path[];

beforeEach(async () => {
  site = await openSite(['A', 'B']);
  a = await site.replica('A');
  paths = Array.from({ length: files }, (_, i) => photo(`${String(i)}.jpg`));
  const b = await site.replica('B');
  for (const path of paths) await b.write(path, 'abc', there.mtime);
  await b.reconciler.reconcilePaths(paths, { why: 'named' });
});
afterEach(() => site.close());

const failures: Failure[] = [];
function makeProgress(): RunProgress {
  failures.length = 0;
  return makePartial<RunProgress>({
    run: makePartial<Run>({ dirs: [], hosts: [], dryRun: false }),
    signal: new AbortController().signal,
    addFound: () => undefined,
    addDone: () => undefined,
    addFailure: (_: HostId, failure: Failure) => {
      failures.push(failure);
    },
    addWouldTransfer: () => undefined,
  });
}
async function* differing(): ReturnType<Backend['compare']> {
  for (const path of paths) yield await Promise.resolve({ path, there });
}
const delivered = (change: Change): DeliveryOutcome => ({
  change,
  via: 'rsync',
  bytes: 3,
  result: 'delivered',
});

function makeContext(
  backend: Partial<Backend>,
  acknowledge: (path: Path) => Promise<void>,
  bandwidthLimit?: number,
): LeaderContext {
  return makePartial<LeaderContext>({
    backend: makePartial(backend),
    config: makePartial<Config>({ bandwidthLimit }),
    ledger: site.ledger,
    reconciler: a.reconciler,
    disk: a.disk,
    events: site.events,
    me: 'A',
    registry: makePartial<Registry>({
      others: () => [other],
      me: () => ({ ...other, id: 'A', createdAt: new Date() }),
      markReady: () => Promise.resolve(),
    }),
    findSyncDir: () => photos,
    enqueue: () => undefined,
    acknowledger: makePartial<Acknowledger>({ acknowledge }),
    reportReceived: () => undefined,
    dirs: makePartial<KnownDirs>({ current: () => new SyncDirs([photos]) }),
    refresh: () => Promise.resolve(),
    heartbeats: makePartial<HeartbeatMonitor>({ isGone: () => false }),
    outbox: makePartial<Outbox>({ hasCaptureOf: () => Promise.resolve(false) }),
    tuning: { ...defaultTuning, goneMs: 500 },
    scan: () => Promise.resolve(),
  });
}

test('no fetched file waits until the previous one is acknowledged, and the pull ends when all are', async () => {
  const asked: Path[] = [];
  let store = (): void => undefined;
  const stored = new Promise<void>((resolve) => {
    store = resolve;
  });
  const backend: Partial<Backend> = {
    compare: differing,
    async *fetch(_, changes) {
      for (const change of changes) yield await Promise.resolve(delivered(change));
    },
  };
  let ended = false;
  const pulled = pullFrom(
    makeContext(backend, (path) => {
      // Nothing is stored before all have asked.
      if (asked.push(path) === files)
        setImmediate(() => {
          expect(ended).toBe(false);
          store();
        });
      return stored;
    }),
    makeProgress(),
    other,
    [photos],
  ).then((failure) => {
    ended = true;
    return failure;
  });
  expect(await pulled).toBeUndefined();
  expect(asked.sort()).toEqual([...paths].sort());
});

test.each([
  ['two batches of many files are fetched at once, and no more', undefined, 2],
  [
    'one batch follows the other if the bandwidth is limited, since the limit counts for each',
    100,
    1,
  ],
])('%s', async (_name, bandwidthLimit, expected) => {
  let running = 0,
    most = 0,
    fetched = 0;
  const backend: Partial<Backend> = {
    async *compare() {
      for (let i = 0; i < 9_000; i++)
        yield await Promise.resolve({ path: photo(`new${String(i)}.jpg`), there });
    },
    async *fetch(_, changes) {
      most = Math.max(most, ++running);
      await until(() => most === expected);
      fetched += changes.length;
      running--;
      yield* [];
    },
  };
  const context = makeContext(backend, () => Promise.resolve(), bandwidthLimit);
  expect(await pullFrom(context, makeProgress(), other, [photos])).toBeUndefined();
  expect([fetched, most]).toEqual([9_000, expected]);
});

test('if the fetch breaks, received files are acknowledged before the pull fails', async () => {
  const acknowledged: Path[] = [];
  const backend: Partial<Backend> = {
    compare: differing,
    async *fetch(_, changes) {
      for (const change of changes.slice(0, 3)) yield await Promise.resolve(delivered(change));
      throw new Error('broken');
    },
  };
  const acknowledge = async (path: Path): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    acknowledged.push(path);
  };
  await expect(
    pullFrom(makeContext(backend, acknowledge), makeProgress(), other, [photos]),
  ).rejects.toThrow('broken');
  expect(acknowledged).toHaveLength(3);
});

test('an acknowledgement that fails while the fetch goes on ends only the pull', async () => {
  const unhandled: unknown[] = [],
    note = (error: unknown): void => {
      unhandled.push(error);
    };
  process.on('unhandledRejection', note);
  const backend: Partial<Backend> = {
    compare: differing,
    async *fetch(_, changes) {
      for (const change of changes) {
        yield delivered(change);
        // The next outcome takes a while, as it does with rsync.
        for (let turns = 0; turns < 5; turns++)
          await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
  await expectNoPrimary(backend);
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

test('an acknowledgement that fails is the failure of the pull', async () => {
  const backend: Partial<Backend> = {
    compare: differing,
    async *fetch(_, changes) {
      for (const change of changes) yield await Promise.resolve(delivered(change));
    },
  };
  await expectNoPrimary(backend);
});

/** Pulls with acknowledgements that fail, and expects their error. */
async function expectNoPrimary(backend: Partial<Backend>): Promise<void> {
  const context = makeContext(backend, () => Promise.reject(new Error('no primary')));
  await expect(pullFrom(context, makeProgress(), other, [photos])).rejects.toThrow('no primary');
}

/** A peer that refuses our key as often as this, and then has nothing that we lack. */
function refusing(
  times: number,
  code: 'AUTH_FAILED' | 'HOST_UNREACHABLE',
): { backend: Partial<Backend>; asked: () => number } {
  let asked = 0;
  return {
    asked: () => asked,
    backend: {
      // eslint-disable-next-line require-yield -- It has nothing.
      async *compare() {
        await Promise.resolve();
        if (++asked <= times) throw new SyncMediaError(code, 'the peer refuses');
      },
    },
  };
}

test('a new host waits quietly until a peer has installed its key', async () => {
  const { backend, asked } = refusing(3, 'AUTH_FAILED');
  await runBootstrap(
    makeContext(backend, () => Promise.resolve()),
    makeProgress(),
    { totalMs: 60_000, tryMs: 1 },
  );
  expect([asked(), failures]).toEqual([4, []]);
});

test('it says so after a while, and any other problem at once', async () => {
  const never = refusing(Infinity, 'AUTH_FAILED');
  await runBootstrap(
    makeContext(never.backend, () => Promise.resolve()),
    makeProgress(),
    { totalMs: 0, tryMs: 1 },
  );
  expect([never.asked(), failures]).toMatchObject([1, [{ code: 'AUTH_FAILED' }]]);
  const away = refusing(Infinity, 'HOST_UNREACHABLE');
  await runBootstrap(
    makeContext(away.backend, () => Promise.resolve()),
    makeProgress(),
    { totalMs: 60_000, tryMs: 1 },
  );
  expect([away.asked(), failures]).toMatchObject([1, [{ code: 'HOST_UNREACHABLE' }]]);
});
