import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Tuning } from '../../src/config/config.js';
import type { Host } from '../../src/model/host.js';
import { DeliveryQueues } from '../../src/replication/delivery-queues.js';
import { getNativeCollection } from '../../src/util/collections.js';
import { until } from '../harness/wait.js';
import { openQueueSite, type QueueSite } from './queue-site.js';
import {
  cancelled,
  delivered,
  diskFull,
  failWith,
  makeGate,
  unreachable,
} from './scripted-backend.js';

let opened: Awaited<ReturnType<typeof openQueueSite>>;
let site: QueueSite;
let queues: DeliveryQueues;
beforeAll(async () => {
  opened = await openQueueSite();
});
afterAll(() => opened.close());
beforeEach(async () => {
  site = await opened.reset();
  open();
});
afterEach(() => queues.close());

function open(tuning: Partial<Tuning> = {}): void {
  queues = new DeliveryQueues(site.context(tuning));
}
/** Makes the retry of every blocked path due, as if its time had passed. */
async function makeRetriesDue(): Promise<void> {
  await getNativeCollection(opened.site.database.connection, 'ledger').updateMany(
    { 'blocked.retryAt': { $exists: true } },
    { $set: { 'blocked.$[].retryAt': new Date(0) } },
  );
}
const updateHosts = (): void => {
  queues.updateHosts(site.hosts);
};
const listReceivers = (): string[] => [...new Set(site.backend.sends.map(({ to }) => to))].sort();

test('each host receives the entries that are pending for it, and its own host nothing', async () => {
  updateHosts();
  const forB = await site.insert('b.jpg', { pending: ['B'] });
  const forBoth = await site.insert('both.jpg', { pending: ['B', 'C'] });
  const ofOther = await site.insert('other.jpg', { pending: ['B'], origin: 'C', heldBy: ['C'] });
  queues.enqueue([forB, forBoth, ofOther]);
  await site.waitUntilHeld([forB, forBoth]);
  await until(async () => (await site.read(forBoth)).heldBy.includes('C'));
  expect(site.backend.sends.filter(({ to }) => to === 'C').flatMap(({ files }) => files)).toEqual([
    'both.jpg v1',
  ]);
  expect(listReceivers()).toEqual(['B', 'C']);
  expect((await site.read(ofOther)).pending).toEqual(['B']);
});

test('a failing host delays no other', async () => {
  const entry = await site.insert('a.jpg', { pending: ['B', 'C'] });
  const prepare = site.backend.prepare.bind(site.backend);
  site.backend.prepare = (host, dirs) =>
    host.id === 'C' ? Promise.resolve(unreachable) : prepare(host, dirs);
  updateHosts();
  await site.waitUntilHeld([entry]);
  await until(() => queues.isBackingOff('C'));
  expect(queues.isBackingOff('B')).toBe(false);
  expect((await site.read(entry)).pending).toEqual(['C']);
});

test('a poll finds pending entries that no hint announced', async () => {
  updateHosts();
  await site.letItWork();
  const entry = await site.insert('a.jpg');
  await queues.poll();
  await site.waitUntilHeld([entry]);
});

test('a blocked path is retried when its own time has come, and not before', async () => {
  const bad = await site.insert('bad.jpg');
  site.backend.answer = () => failWith(diskFull);
  updateHosts();
  await until(async () => (await site.read(bad)).blocked.length > 0);
  const [before] = (await site.read(bad)).blocked;

  await queues.poll();
  await site.letItWork();
  expect(site.backend.files).toEqual(['bad.jpg v1']);

  await makeRetriesDue();
  await queues.poll();
  await until(() => site.backend.files.length === 2);
  await until(async () => (await site.read(bad)).pending.length === 0);
  const [again] = (await site.read(bad)).blocked;
  // It has failed since the first time, so the next wait is longer.
  expect(again).toMatchObject({ since: before!.since, failure: diskFull });
  expect(again!.retryAt!.getTime()).toBeGreaterThan(Date.now());

  site.backend.answer = () => delivered;
  await makeRetriesDue();
  await queues.poll();
  await site.waitUntilHeld([bad]);
  expect((await site.read(bad)).blocked).toEqual([]);
});

test('more blocked paths than one poll retries delay no others, and all get their turn', async () => {
  const since = new Date(0);
  const blocked = [{ host: 'B', failure: diskFull, since, retryAt: since }];
  const names = Array.from({ length: 510 }, (_, i) => `bad${String(i)}.jpg`);
  const bad = await site.insertMany(names, { pending: [], blocked });
  updateHosts();
  const good = await site.insert('good.jpg');
  await queues.poll();
  await site.waitUntilHeld([good]);
  await until(
    async () => {
      await queues.poll();
      return site.backend.files.length === bad.length + 1;
    },
    { what: 'that every blocked path is retried', timeout: 40_000 },
  );
});

test('the queue of a paused host is closed during its delivery, and goes on when approved', async () => {
  const [first, second] = await site.insertMany(['a.jpg', 'b.jpg']);
  const gate = makeGate();
  site.backend.answer = async (_, signal) => {
    await gate.opened;
    return signal.aborted ? failWith(cancelled) : delivered;
  };
  updateHosts();
  await until(() => site.backend.sends.length === 1);
  site.setHost('B', { status: 'paused' });
  updateHosts();
  expect(queues.isBackingOff('B')).toBe(true);
  gate.open();
  await site.letItWork();
  queues.enqueue([first!, second!]);
  queues.wake('B');
  await queues.poll();
  await site.letItWork();
  expect(site.backend.sends).toHaveLength(1);
  for (const entry of [first!, second!])
    expect(await site.read(entry)).toMatchObject({ pending: ['B'], blocked: [], heldBy: ['A'] });
  expect(site.failing).toEqual([]);

  site.setHost('B', { status: 'approved' });
  updateHosts();
  await site.waitUntilHeld([first!, second!]);
});

test('closing waits for the queues of gone hosts, and nothing begins after it', async () => {
  const entry = await site.insert('a.jpg');
  const gate = makeGate();
  site.backend.answer = async () => {
    await gate.opened;
    return delivered;
  };
  updateHosts();
  await until(() => site.backend.sends.length === 1);
  const all: Host[] = site.hosts;
  queues.updateHosts(all.filter(({ id }) => id !== 'B'));
  let isClosed = false;
  const closing = queues.close().then(() => {
    isClosed = true;
  });
  await site.letItWork();
  expect(isClosed).toBe(false);
  gate.open();
  await closing;
  // The put was under way and has been answered: the host has the file.
  expect(await site.read(entry)).toMatchObject({ heldBy: ['A', 'B'], pending: [] });

  queues.updateHosts(all);
  const later = await site.insert('b.jpg');
  queues.enqueue([later]);
  await site.letItWork();
  expect(site.backend.sends).toHaveLength(1);
});

test('there is traffic from a new version until a quarter of a second has passed without another', async () => {
  let aheadMs = 0;
  const now = performance.now.bind(performance);
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs);
  try {
    updateHosts();
    await until(() => !queues.hasTraffic);
    const one = await site.insert('one.jpg', { pending: ['B'] });
    queues.enqueue([one]);
    expect(queues.hasTraffic).toBe(true);
    await site.waitUntilHeld([one]);
    aheadMs += 200;
    queues.enqueue([await site.insert('another.jpg', { pending: ['B'] })]);
    aheadMs += 200;
    expect(queues.hasTraffic).toBe(true);
    aheadMs += 60;
    await until(() => !queues.hasTraffic);
  } finally {
    clock.mockRestore();
  }
});

test('there is traffic while a file is on its way', async () => {
  const gate = makeGate();
  site.backend.answer = async () => {
    await gate.opened;
    return delivered;
  };
  let aheadMs = 0;
  const now = performance.now.bind(performance);
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs);
  try {
    updateHosts();
    queues.enqueue([await site.insert('one.jpg', { pending: ['B'] })]);
    await until(() => site.backend.sends.length === 1);
    aheadMs += 10_000;
    expect(queues.hasTraffic).toBe(true);
  } finally {
    gate.open();
    clock.mockRestore();
  }
  await until(() => !queues.hasTraffic);
});
