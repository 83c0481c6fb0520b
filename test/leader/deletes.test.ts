import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { getNativeCollection } from '../../src/util/collections.js';
import { Deletes, type CandidatesResult } from '../../src/leader/deletes.js';
import { defaultTuning } from '../../src/config/config.js';
import type { Registry } from '../../src/hosts/registry.js';
import type { Failure } from '../../src/model/failure.js';
import type { Host } from '../../src/model/host.js';
import type { NamedPaths } from '../../src/model/capture.js';
import type { Path } from '../../src/model/path.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { makePartial } from '../harness/partial.js';
import { openSite, photo, photos, type SiteReplica, type Site } from '../ledger/site.js';

const path = photo('a.jpg'),
  uploads: SyncDir = { ...photos, onDelete: 'propagate' };
const waiting: Failure = {
  code: 'REMOVALS_HALTED',
  message: 'many files are to be removed',
  retryable: false,
  scope: 'host',
};
/** The names in documents, for the reconciler and some tests' searches. */
const named = new Set<Path>();
let site: Site, own: SiteReplica, other: SiteReplica;
beforeEach(async () => {
  named.clear();
  site = await openSite(['A', 'B']);
  own = await site.replica('A', { named });
  other = await site.replica('B');
  await own.write(path, 'first');
  await own.reconciler.reconcilePaths([path], { why: 'named' });
  await rm(join(own.root, path));
});
afterEach(() => site.close());

function openDeletes({
  searchNamedPaths,
  halted,
}: {
  searchNamedPaths: () => Promise<NamedPaths>;
  halted: Record<string, Failure>;
}): Deletes {
  return new Deletes({
    ledger: site.ledger,
    disk: own.disk,
    me: 'A',
    events: site.events,
    tuning: { ...defaultTuning, candidateMs: 60_000 },
    findSyncDir: () => uploads,
    listReceivers: () => ['B'],
    reconciler: own.reconciler,
    searchNamedPaths,
    registry: makePartial<Registry>({
      me: () => makePartial<Host>({ halted, removals: {} }),
      recordHalt: (dir, failure) => {
        if (failure) halted[dir] = failure;
        return Promise.resolve();
      },
    }),
  });
}

/**
 * A looks at what its document has left; `meanwhile` happens between its look at the disk and its
 * tombstone.
 */
function look(
  meanwhile: () => Promise<unknown> = () => Promise.resolve(),
  {
    answer = { named: new Set(), undetermined: new Map() },
    since = new Date(),
    halted = false,
    unreferenced: left = [path],
  }: { answer?: NamedPaths; since?: Date; halted?: boolean; unreferenced?: Path[] } = {},
): Promise<CandidatesResult> {
  const deleting = openDeletes({
    searchNamedPaths: async () => {
      await meanwhile();
      return answer;
    },
    halted: halted ? { [uploads.path]: waiting } : {},
  });
  return deleting.processCandidates(left, since);
}

test('a file that is gone and that no document names becomes a tombstone', async () => {
  expect(await look()).toMatchObject({ entries: [{ path, kind: 'tombstone' }], retry: [] });
  expect(await site.ledger.read(path)).toMatchObject({
    kind: 'tombstone',
    origin: 'A',
    pending: ['B'],
  });
});

test('a delete that the own scan outran, with bytes that are gone since, is checked again and buries them', async () => {
  const looked = await look(async () => {
    await own.write(path, 'second, of another size');
    await own.reconciler.reconcilePaths([path], { why: 'scan' });
    await rm(join(own.root, path));
  });
  expect(looked).toEqual({ entries: [], retry: [path], halted: false });
  expect(await site.ledger.read(path)).toMatchObject({ kind: 'file', info: { size: 23 } });
  expect(await look()).toMatchObject({ entries: [{ path, kind: 'tombstone' }], retry: [] });
});

test('a file that the app restores while documents are searched is no delete', async () => {
  const looked = await look(() => own.write(path, 'first'));
  expect(looked).toEqual({ entries: [], retry: [path], halted: false });
  expect(await site.ledger.read(path)).toMatchObject({ kind: 'file' });
});

test('a file without an answer is checked again for a while, then it stays and the reason is logged', async () => {
  const told: unknown[] = [],
    unsubscribe = site.events.on('failed', (event) => {
      told.push(event);
    });
  const answer = {
    named: new Set<never>(),
    undetermined: new Map([[path, 'this process has no model Album']]),
  };
  expect(await look(undefined, { answer })).toEqual({
    entries: [],
    retry: [path],
    halted: false,
  });
  expect(told).toEqual([]);
  expect(await look(undefined, { answer, since: new Date(Date.now() - 70_000) })).toEqual({
    entries: [],
    retry: [],
    halted: false,
  });
  expect(told).toMatchObject([{ error: 'this process has no model Album' }]);
  unsubscribe();
});

test('while a person decides no documents are searched', async () => {
  let searches = 0;
  expect(await look(() => Promise.resolve(searches++), { halted: true })).toEqual({
    entries: [],
    retry: [path],
    halted: true,
  });
  expect(searches).toBe(0);
});

test('a file that another host saved meanwhile is newer than the delete', async () => {
  const looked = await look(async () => {
    await other.write(path, 'of another host');
    await other.reconciler.reconcilePaths([path], { why: 'named' });
  });
  expect(looked).toEqual({ entries: [], retry: [], halted: false });
  expect(await site.ledger.read(path)).toMatchObject({ kind: 'file', origin: 'B', heldBy: ['B'] });
});

test('a file that is back once its delete is recorded, and that a document names, is the version', async () => {
  const version = 'third, of another size again';
  const looked = await look(
    async () => {
      if ((await site.ledger.read(path))?.kind === 'file') return;
      await own.write(path, version);
      named.add(path);
    },
    { answer: { named, undetermined: new Map() } },
  );
  expect(looked).toMatchObject({
    entries: [{ path, kind: 'file', info: { size: version.length } }],
  });
  expect(await site.ledger.read(path)).toMatchObject({
    kind: 'file',
    heldBy: ['A'],
    pending: ['B'],
    info: { size: version.length },
  });
});

test('every host looks for an absent file that a document has come to name', async () => {
  const looked = await look(
    async () => {
      if ((await site.ledger.read(path))?.kind === 'tombstone') named.add(path);
    },
    { answer: { named, undetermined: new Map() } },
  );
  expect(looked.entries).toEqual([]);
  expect(await site.ledger.read(path)).toMatchObject({
    kind: 'file',
    heldBy: [],
    pending: ['A', 'B'],
    orphaned: true,
    info: { size: 5 },
  });
});

/** Saves files, then the app removes them. */
async function saveAndRemove(paths: readonly Path[]): Promise<void> {
  for (const one of paths) await own.write(one, one);
  await own.reconciler.reconcilePaths(paths, { why: 'named' });
  for (const one of paths) await rm(join(own.root, one));
}
const twelve = (directory: string): Path[] =>
  Array.from({ length: 12 }, (_, index) => photo(`${directory}/${String(index)}.jpg`));

test('a directory that is renamed away and back counts once for the guard, before the outbox is processed', async () => {
  const away = twelve('2024'),
    back = twelve('archive');
  await saveAndRemove(away);
  expect(await look(undefined, { unreferenced: away })).toMatchObject({
    halted: false,
    retry: [],
  });
  await saveAndRemove(back);
  for (const one of away) await own.write(one, one);
  const looked = await look(undefined, { unreferenced: back });
  expect(looked).toMatchObject({ halted: false, retry: [] });
  expect(looked.entries).toHaveLength(12);
});

test('removals that were not undone count for the guard, also those of another host that this one has yet to carry out', async () => {
  const before = twelve('2024'),
    after = twelve('archive');
  await saveAndRemove(before);
  await look(undefined, { unreferenced: before });
  await saveAndRemove(after);
  expect(await look(undefined, { unreferenced: after })).toMatchObject({
    halted: true,
    entries: [],
  });
  for (const one of before) await own.write(one, one);
  await getNativeCollection(site.database.connection, 'ledger').updateMany(
    { kind: 'tombstone' },
    { $set: { origin: 'B', heldBy: ['B'], pending: ['A'] } },
  );
  expect(await look(undefined, { unreferenced: after })).toMatchObject({
    halted: true,
    entries: [],
  });
});

test('very many files whose documents are deleted one by one, at once, wait for a person', async () => {
  const paths = Array.from({ length: 30 }, (_, index) => photo(`${String(index)}.jpg`));
  for (const one of paths) await own.write(one, 'x');
  await own.reconciler.reconcilePaths(paths, { why: 'named' });
  for (const one of paths) await rm(join(own.root, one));
  const halted: Record<string, Failure> = {};
  const deletes = openDeletes({
    searchNamedPaths: () => Promise.resolve({ named: new Set(), undetermined: new Map() }),
    halted,
  });
  const results = await Promise.all(
    paths.map((one) => deletes.processCandidates([one], new Date())),
  );
  expect(results.filter(({ entries }) => entries.length > 0)).toHaveLength(20);
  expect(results.filter((result) => result.halted)).toHaveLength(10);
  expect(Object.keys(halted)).toEqual([uploads.path]);
});
