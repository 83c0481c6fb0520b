import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mongo } from 'mongoose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Outbox } from '../../../src/capture/outbox.js';
import type { Registry } from '../../../src/hosts/registry.js';
import { OutboxProcessor } from '../../../src/leader/jobs/process-outbox.js';
import { SyncMediaError } from '../../../src/model/errors.js';
import { defaultTuning } from '../../../src/config/config.js';
import type { Capture } from '../../../src/model/capture.js';
import type { Entry } from '../../../src/model/entry.js';
import type { Host } from '../../../src/model/host.js';
import type { Path } from '../../../src/model/path.js';
import { until } from '../../harness/wait.js';
import { makePartial } from '../../harness/partial.js';
import { makeRowReader } from '../../harness/row-reader.js';
import { openSite, photo, photos, type SiteReplica, type Site } from '../../ledger/site.js';

let site: Site, a: SiteReplica, outbox: Outbox, processor: OutboxProcessor;
const offered: Entry[] = [],
  rescanned: Path[] = [];
let searching: Promise<void>;
beforeEach(async () => {
  searching = Promise.resolve();
  site = await openSite(['A', 'B']);
  a = await site.replica('A', { awaitedMs: 60_000 });
  outbox = new Outbox(site.database.connection, '', makeRowReader(site.database.connection));
  offered.length = rescanned.length = 0;
  processor = new OutboxProcessor(
    {
      tuning: defaultTuning,
      ledger: site.ledger,
      disk: a.disk,
      me: 'A',
      events: site.events,
      outbox,
      reconciler: a.reconciler,
      registry: makePartial<Registry>({
        me: () => makePartial<Host>({ halted: {}, removals: {} }),
        recordHalt: () => Promise.resolve(),
      }),
      findSyncDir: () => ({ ...photos, onDelete: 'propagate' }),
      listReceivers: () => ['B'],
      searchNamedPaths: () => searching.then(() => ({ named: new Set(), undetermined: new Map() })),
      enqueue: (entries) => {
        offered.push(...entries);
      },
    },
    {
      request: (dir) => {
        rescanned.push(dir);
        return Promise.resolve();
      },
    },
  );
});
afterEach(async () => {
  await processor.close();
  await site.close();
});

async function entryOf(path: Path): Promise<Entry> {
  const entry = await site.ledger.read(path);
  if (!entry) throw new Error(`no entry of ${path}`);
  return entry;
}

function capture(touched: Path[]): Capture {
  return {
    id: randomUUID(),
    host: 'A',
    dueAt: new Date(0),
    touched,
    unreferenced: [],
    rescan: [{ dir: photos.path, after: 1 }],
  };
}

test('one poll begins with all due captures, however many there are', async () => {
  const paths = Array.from({ length: 450 }, (_, i) => photo(`${i}.jpg`));
  await Promise.all(
    paths.map(async (path) => {
      await a.write(path, path);
      await outbox.insert(capture([path]));
    }),
  );
  await processor.poll();
  await until(async () => (await outbox.count()) === 0, { timeout: 20_000 });
  expect(offered).toHaveLength(450);
});

test('a file that cannot be examined now stays in the outbox, the rest of the document goes on', async () => {
  await a.write(photo('a.jpg'), 'a');
  await a.write(photo('b.jpg'), 'b');
  // Tests may run as root, who may read everything.
  const secret = photo('secret.jpg'),
    hash = a.disk.hash.bind(a.disk);
  await a.write(secret, 'x');
  a.disk.hash = (path) =>
    path === secret
      ? Promise.reject(new SyncMediaError('PERMISSION_DENIED', 'it may not be read'))
      : hash(path);
  await outbox.insert(capture([secret, photo('a.jpg'), photo('b.jpg')]));
  await processor.poll();
  await until(() => offered.length === 2 && rescanned.length === 1);
  await processor.close();
  const [left] = await outbox.findDue('A', new Date(Date.now() + 60_000), 10);
  expect(left?.touched).toEqual([secret]);
  expect(left?.dueAt.getTime()).toBeGreaterThan(Date.now());
});

test('a save that waits for an acknowledgement stays in the outbox, and is processed after it', async () => {
  const cat = photo('cat.jpg');
  await a.write(cat, 'first', 1_000);
  await a.reconciler.reconcilePaths([cat], { why: 'named' });
  await a.write(cat, 'second!', 2_000);
  await a.reconciler.reconcilePaths([cat], { why: 'named' });
  await site.ledger.markHeld(await entryOf(cat), ['B']);
  await site.ledger.markPending(cat, ['A']);
  await a.write(cat, 'first', 1_000);
  const waits = { ...capture([cat]), id: new mongo.ObjectId().toString() };
  await outbox.insert(waits);
  await processor.poll();
  await until(async () => (await stored())[0]?.dueAt.getTime() !== 0);
  expect(await stored()).toMatchObject([{ id: waits.id, touched: [cat], rescan: [] }]);
  expect(offered).toEqual([]);
  await site.ledger.markHeld(await entryOf(cat), ['A']);
  await outbox.makeDue([waits.id]);
  await processor.poll();
  await until(async () => (await outbox.count()) === 0);
  expect(offered).toMatchObject([{ path: cat, origin: 'A', info: { size: 5 } }]);
});

test('captures handed over right before it closes are still processed', async () => {
  await a.write(photo('a.jpg'), 'a');
  const last = capture([photo('a.jpg')]);
  await outbox.insert(last);
  processor.enqueue([last]);
  await processor.close();
  expect(offered.map(({ path }) => path)).toEqual([photo('a.jpg')]);
  expect(await outbox.count()).toBe(0);
});

/** A capture as a save makes it: due in half a minute. */
const fresh = (touched: Path[]): Capture => ({
  ...capture(touched),
  dueAt: new Date(Date.now() + 30_000),
});
const stored = async (): Promise<Capture[]> =>
  (await outbox.findDue('A', new Date(Date.now() + 60_000), 1_000)).sort(
    (x, y) => x.dueAt.getTime() - y.dueAt.getTime(),
  );

test('a new leader sends earlier captures at once, and leaves the capture of an operation that may still run', async () => {
  const paths = Array.from({ length: 250 }, (_, i) => photo(`${i}.jpg`));
  const [first] = paths;
  for (const path of paths.slice(0, 249)) await a.write(path, path);
  const captures = paths.map((path) => ({ ...fresh([path]), unreferenced: [photo('old.jpg')] }));
  await outbox.insertAll(captures);
  await processor.reconcileEarlier();
  expect(offered).toHaveLength(249);
  expect(await site.ledger.read(first!)).toMatchObject({ heldBy: ['A'], pending: ['B'] });
  // Neither the rescan nor the removed file, which the document may still name, is looked at; nor
  // is the capture taken away.
  expect(rescanned).toEqual([]);
  expect(await stored()).toEqual(captures);
  // Its file was written after that, before the save was over, and its process died: the capture
  // tells of it.
  await a.write(paths[249]!, 'late');
  await outbox.makeDue([captures[249]!.id]);
  await processor.poll();
  await until(async () => (await stored()).length === 249);
  expect(await site.ledger.read(paths[249]!)).toMatchObject({ heldBy: ['A'], pending: ['B'] });
  expect(rescanned).toEqual([photos.path]);
});

test('a new leader processes due captures and assertions for good', async () => {
  await a.write(photo('due.jpg'), 'due');
  await a.write(photo('asserted.jpg'), 'asserted');
  const seen = await a.disk.observe(photo('asserted.jpg'));
  await outbox.insert(capture([photo('due.jpg')]));
  await outbox.insert({
    ...fresh([photo('asserted.jpg')]),
    asserted: [{ path: photo('asserted.jpg'), info: seen! }],
  });
  await processor.reconcileEarlier();
  await until(async () => (await outbox.count()) === 0);
  expect(offered.map(({ path }) => path).sort()).toEqual([photo('asserted.jpg'), photo('due.jpg')]);
});

test('captures that were handed over and not processed when it closes are due at once', async () => {
  const paths = Array.from({ length: 500 }, (_, i) => photo(`${i}.jpg`));
  for (const path of paths) await a.write(path, path);
  const captures = paths.map((path) => fresh([path]));
  await outbox.insertAll(captures);
  expect(processor.enqueue(captures)).toBe(true);
  await processor.close();
  const left = await stored();
  expect(left.length).toBeGreaterThan(0);
  expect(left.length + offered.length).toBe(500);
  expect(left.every(({ dueAt }) => dueAt <= new Date())).toBe(true);
  expect(processor.enqueue(left)).toBe(false);
});

test('a capture from before the clock was set back is due', async () => {
  await a.write(photo('a.jpg'), 'a');
  await outbox.insert({
    ...capture([photo('a.jpg')]),
    dueAt: new Date(Date.now() + 365 * 24 * 60 * 60_000),
  });
  await processor.poll();
  await until(async () => (await outbox.count()) === 0);
  expect(offered.map(({ path }) => path)).toEqual([photo('a.jpg')]);
});

test('a sync dir that is not there keeps the capture', async () => {
  await a.write(photo('a.jpg'), 'a');
  await rename(join(a.root, photos.path), join(a.root, 'away'));
  await outbox.insert(capture([photo('a.jpg')]));
  await processor.poll();
  await until(() => rescanned.length === 1);
  await processor.close();
  expect(await outbox.count()).toBe(1);
  expect(await site.ledger.count()).toBe(0);
});

test('no capture waits for the search of documents that name a deleted file', async () => {
  let end = (): void => undefined;
  searching = new Promise((resolve) => {
    end = resolve;
  });
  await a.write(photo('gone.jpg'), 'gone');
  await a.reconciler.reconcilePaths([photo('gone.jpg')], { why: 'named' });
  await rm(join(a.root, photo('gone.jpg')));
  const deleted = { ...capture([]), unreferenced: [photo('gone.jpg')] },
    saved = capture([photo('a.jpg')]);
  await a.write(photo('a.jpg'), 'a');
  await outbox.insertAll([deleted, saved]);
  processor.enqueue([deleted]);
  processor.enqueue([saved]);
  await until(
    async () =>
      (await outbox.count()) === 1 && (await site.ledger.read(photo('a.jpg')))?.kind === 'file',
  );
  expect(await site.ledger.read(photo('gone.jpg'))).toMatchObject({ kind: 'file' });
  end();
  await until(async () => (await outbox.count()) === 0);
  expect(await site.ledger.read(photo('gone.jpg'))).toMatchObject({ kind: 'tombstone' });
});

test('captures that could not be processed stay in the outbox beside the candidates of the next check', async () => {
  const secret = photo('secret.jpg'),
    hash = a.disk.hash.bind(a.disk);
  await a.write(secret, 'x');
  await a.write(photo('here.jpg'), 'still here');
  a.disk.hash = (path) =>
    path === secret
      ? Promise.reject(new SyncMediaError('PERMISSION_DENIED', 'it may not be read'))
      : hash(path);
  await outbox.insert({ ...capture([secret]), unreferenced: [photo('here.jpg')] });
  await processor.poll();
  await until(
    async () =>
      (await outbox.findDue('A', new Date(Date.now() + 60_000), 10))[0]?.unreferencedSince !==
      undefined,
  );
  expect(await outbox.findDue('A', new Date(Date.now() + 60_000), 10)).toMatchObject([
    { touched: [secret], unreferenced: [photo('here.jpg')], rescan: [] },
  ]);
});
