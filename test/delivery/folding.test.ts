import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Outbox } from '../../src/capture/outbox.js';
import { Deleting } from '../../src/delivery/deleting.js';
import { Folding } from '../../src/delivery/folding.js';
import { SyncMediaError } from '../../src/errors/errors.js';
import { defaultTuning } from '../../src/options/config.js';
import type { Capture, Entry, Path } from '../../src/words.js';
import { until } from '../harness/wait.js';
import { openSite, photo, photos, type Replica, type Site } from '../ledger/site.js';

let site: Site, a: Replica, outbox: Outbox, folding: Folding;
const offered: Entry[] = [], swept: Path[] = [];
let searching: Promise<void>;
beforeEach(async () => {
  searching = Promise.resolve();
  site = await openSite(['A', 'B']);
  a = await site.replica('A');
  outbox = new Outbox(site.database.connection, '');
  offered.length = swept.length = 0;
  const deleting = new Deleting({
    candidateMs: 10 * 60_000, ledger: site.ledger, disk: a.disk, me: 'A', events: site.events, dirOf: () => ({ ...photos, onDelete: 'propagate' }), wantedBy: () => ['B'],
    findNamed: () => searching.then(() => ({ named: new Set(), unjudged: new Map() })), isHalted: () => false, decided: () => undefined, halt: () => Promise.resolve(),
  });
  folding = new Folding({
    fold: a.fold, deleting, outbox, events: site.events, tuning: defaultTuning, me: 'A', offer: (entries) => { offered.push(...entries); },
    oweSweep: (dir) => { swept.push(dir); return Promise.resolve(); },
  });
});
afterEach(async () => {
  await folding.close();
  await site.close();
});

function capture(touched: Path[]): Capture {
  return { id: randomUUID(), host: 'A', dueAt: new Date(0), touched, left: [], sweep: [{ dir: photos.path, after: 1 }] };
}

test('however many captures are due, one look begins with them all', async () => {
  const paths = Array.from({ length: 450 }, (_, i) => photo(`${i}.jpg`));
  for (const path of paths) {
    await a.write(path, path);
    await outbox.insert(capture([path]));
  }
  await folding.poll();
  await until(async () => await outbox.count() === 0, { timeout: 20_000 });
  expect(offered).toHaveLength(450);
});

test('what cannot be looked at now stays in the outbox, the rest of the document goes on', async () => {
  await a.write(photo('a.jpg'), 'a');
  await a.write(photo('b.jpg'), 'b');
  // Tests may run as root, who may read everything.
  const secret = photo('secret.jpg'), hash = a.disk.hash.bind(a.disk);
  await a.write(secret, 'x');
  a.disk.hash = (path) => path === secret ? Promise.reject(new SyncMediaError('PERMISSION_DENIED', 'it may not be read')) : hash(path);
  await outbox.insert(capture([secret, photo('a.jpg'), photo('b.jpg')]));
  await folding.poll();
  await until(() => offered.length === 2 && swept.length === 1);
  await folding.close();
  const [left] = await outbox.due('A', new Date(Date.now() + 60_000), 10);
  expect(left?.touched).toEqual([secret]);
  expect(left?.dueAt.getTime()).toBeGreaterThan(Date.now());
});

test('what was handed over right before it closes is folded still', async () => {
  await a.write(photo('a.jpg'), 'a');
  const last = capture([photo('a.jpg')]);
  await outbox.insert(last);
  folding.hand([last]);
  await folding.close();
  expect(offered.map(({ path }) => path)).toEqual([photo('a.jpg')]);
  expect(await outbox.count()).toBe(0);
});

test('a sync dir that is not there keeps the capture', async () => {
  await a.write(photo('a.jpg'), 'a');
  await rename(join(a.root, photos.path), join(a.root, 'away'));
  await outbox.insert(capture([photo('a.jpg')]));
  await folding.poll();
  await until(() => swept.length === 1);
  await folding.close();
  expect(await outbox.count()).toBe(1);
  expect(await site.ledger.count()).toBe(0);
});

test('no fold waits until it is known which documents name a file that was deleted', async () => {
  let end = (): void => undefined;
  searching = new Promise((resolve) => { end = resolve; });
  await a.write(photo('gone.jpg'), 'gone');
  await a.fold.paths([photo('gone.jpg')], { why: 'named' });
  await rm(join(a.root, photo('gone.jpg')));
  const deleted = { ...capture([]), left: [photo('gone.jpg')] }, saved = capture([photo('a.jpg')]);
  await a.write(photo('a.jpg'), 'a');
  await outbox.insertAll([deleted, saved]);
  folding.hand([deleted]);
  folding.hand([saved]);
  await until(async () => await outbox.count() === 1 && (await site.ledger.read(photo('a.jpg')))?.kind === 'file');
  expect(await site.ledger.read(photo('gone.jpg'))).toMatchObject({ kind: 'file' });
  end();
  await until(async () => await outbox.count() === 0);
  expect(await site.ledger.read(photo('gone.jpg'))).toMatchObject({ kind: 'tombstone' });
});

test('what could not be folded stays in the outbox beside the candidates that are to be looked at again', async () => {
  const secret = photo('secret.jpg'), hash = a.disk.hash.bind(a.disk);
  await a.write(secret, 'x');
  await a.write(photo('here.jpg'), 'still here');
  a.disk.hash = (path) => path === secret ? Promise.reject(new SyncMediaError('PERMISSION_DENIED', 'it may not be read')) : hash(path);
  await outbox.insert({ ...capture([secret]), left: [photo('here.jpg')] });
  await folding.poll();
  await until(async () => (await outbox.due('A', new Date(Date.now() + 60_000), 10))[0]?.leftSince !== undefined);
  expect(await outbox.due('A', new Date(Date.now() + 60_000), 10)).toMatchObject([{ touched: [secret], left: [photo('here.jpg')], sweep: [] }]);
});
