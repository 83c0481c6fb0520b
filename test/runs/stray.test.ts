import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Backend } from '../../src/transport/backend.js';
import type { Config } from '../../src/config/config.js';
import type { LeaderContext } from '../../src/context/leader-context.js';
import type { Registry } from '../../src/hosts/registry.js';
import type { RunProgress } from '../../src/runs/run-progress.js';
import { pullFrom } from '../../src/runs/pull.js';
import type { Change, Difference, DeliveryOutcome } from '../../src/model/change.js';
import type { Entry } from '../../src/model/entry.js';
import type { Host } from '../../src/model/host.js';
import type { Run } from '../../src/model/run.js';
import { makePartial } from '../harness/partial.js';
import { openSite, photo, photos, type SiteReplica, type Site } from '../ledger/site.js';

const path = photo('a.jpg');
const other = {
  id: 'B',
  status: 'approved',
  passive: false,
  readyAt: new Date(),
  syncDirs: [],
  exclude: [],
  rootPath: '/srv/b',
} as unknown as Host;
let site: Site, a: SiteReplica, offered: Entry[];

beforeEach(async () => {
  site = await openSite(['A', 'B']);
  a = await site.replica('A');
  offered = [];
});
afterEach(() => site.close());

/**
 * Pulls `path`, whose source is written to meanwhile: a race of rsync with an app that no test can
 * lose on purpose. @param receive places a file here
 */
async function pullRacing(
  difference: Omit<Difference, 'path'>,
  result: 'changed' | 'vanished' | 'kept',
  receive: () => Promise<void>,
): Promise<void> {
  const backend = makePartial<Backend>({
    async *compare() {
      yield await Promise.resolve({ path, ...difference });
    },
    async *fetch(_: Host, [change]: readonly Change[]): AsyncGenerator<DeliveryOutcome> {
      await receive();
      if (change) yield { change, via: 'rsync', bytes: 0, result };
    },
  });
  const context = makePartial<LeaderContext>({
    backend,
    config: makePartial<Config>({ bandwidthLimit: undefined }),
    ledger: site.ledger,
    reconciler: a.reconciler,
    disk: a.disk,
    events: site.events,
    me: 'A',
    registry: makePartial<Registry>({ others: () => [other] }),
    findSyncDir: () => photos,
    enqueue: (entries) => {
      offered.push(...entries);
    },
  });
  const progress = makePartial<RunProgress>({
    run: makePartial<Run>({ dirs: [], hosts: [], dryRun: false }),
    signal: new AbortController().signal,
    addFound: () => undefined,
    addDone: () => undefined,
    addFailure: () => undefined,
    addWouldTransfer: () => undefined,
  });
  await pullFrom(context, progress, other, [photos]);
}

const there = { size: 3, mtime: 1_000 };
/** A version that only B holds. */
async function heldByB(): Promise<void> {
  await site.replica('B').then(async (b) => {
    await b.write(path, 'abc', there.mtime);
    await b.reconciler.reconcilePaths([path], { why: 'named' });
  });
}

test.each(['changed', 'vanished'] as const)(
  'a file that a pull brings in the place of the requested one (%s) is a version at once, not at a later scan',
  async (result) => {
    await heldByB();
    await pullRacing({ there }, result, () => a.write(path, 'what B has just saved'));
    expect(offered).toMatchObject([{ path, capturedBy: 'A', info: { size: 21 } }]);
    expect(await site.ledger.read(path)).toMatchObject({
      capturedBy: 'A',
      heldBy: ['A'],
      info: { size: 21 },
    });
  },
);

test('so it is where the ledger knew nothing of the path', async () => {
  await pullRacing({ there }, 'changed', () => a.write(path, 'what B has just saved'));
  expect(await site.ledger.read(path)).toMatchObject({ capturedBy: 'A', info: { size: 21 } });
});

test('nothing is captured if nothing was received, whatever lies here', async () => {
  await heldByB();
  await a.write(path, 'rotten', 500);
  await pullRacing({ there, here: { size: 6, mtime: 500 } }, 'vanished', () => Promise.resolve());
  expect(offered).toEqual([]);
  expect(await site.ledger.read(path)).toMatchObject({ capturedBy: 'B', info: { size: 3 } });
});

test('it is no version over a file that another host has saved meanwhile', async () => {
  await heldByB();
  await pullRacing({ there }, 'changed', async () => {
    await a.write(path, 'half of what B has just saved');
    const b = await site.replica('B');
    await b.write(path, 'all of what B has saved since');
    await b.reconciler.reconcilePaths([path], { why: 'named' });
  });
  expect(offered).toEqual([]);
  expect(await site.ledger.read(path)).toMatchObject({ capturedBy: 'B', info: { size: 29 } });
});

test('a file that this host has written meanwhile, and placing put back, is a version', async () => {
  await heldByB();
  await pullRacing({ there }, 'kept', () => a.write(path, 'what A has just written'));
  expect(offered).toMatchObject([{ path, capturedBy: 'A', info: { size: 23 } }]);
});
