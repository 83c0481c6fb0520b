import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { until } from '../harness/wait.js';
import {
  dir,
  openSite,
  threeOf,
  untilNothingPending,
  type App,
  type Machine,
  type Site,
} from './site.js';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

let site: Site, one: Machine, two: Machine, three: Machine;
beforeEach(async () => {
  site = await openSite({ plugin: { rescan: false }, tuning: { goneMs: 4_000 } });
  [one, two, three] = threeOf(site);
});
afterEach(() => site.close());

async function holdEverywhere(...names: string[]): Promise<void> {
  for (const name of names) await one.write(`${dir}/${name}`, name, 1_000_000);
  await one.app.sync.runs.follow((await one.app.sync.push()).id);
  await untilNothingPending(site);
}
/**
 * The machine is unregistered, and comes back as a new host with the files on its disk.
 */
async function replaceHost(
  machine: Machine,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<App> {
  await machine.app.close();
  await one.app.sync.hosts.unregister(machine.name);
  await meanwhile();
  const app = await machine.startApp({ start: false });
  await app.sync.hosts.init();
  expect((await app.sync.hosts.show(machine.name)).readyAt).toBeUndefined();
  return app;
}
const untilReady = (app: App, name: string): Promise<unknown> =>
  until(async () => (await app.sync.hosts.show(name)).readyAt !== undefined, { timeout: 40_000 });
const forgetEntry = (name: string): Promise<unknown> =>
  one.app.connection
    .collection<{ _id: string }>('syncmedia_ledger')
    .deleteOne({ _id: `${dir}/${name}` });

test('a new host gets everything from one peer, without a transfer of files it has, and then is a source', async () => {
  await holdEverywhere('a.jpg', 'b.jpg');
  const app = await replaceHost(three, () => rm(three.path(`${dir}/b.jpg`)));
  const fetched: string[] = [],
    sent: string[] = [];
  app.sync.on('outcome', ({ outcome }) => {
    fetched.push(outcome.change.path);
  });
  for (const machine of [one, two])
    machine.app.sync.on('outcome', ({ outcome }) => {
      sent.push(outcome.change.path);
    });
  await app.sync.start();
  await untilReady(app, 'three');
  await untilNothingPending(site);
  expect(await three.tree()).toEqual(await one.tree());
  expect([fetched, sent]).toEqual([[`${dir}/b.jpg`], []]);
  const { id } = await app.sync.hosts.show('three');
  for (const name of ['one', 'two'])
    expect((await app.sync.hosts.show(name)).members).toContain(id);
  expect(
    await one.app.connection.collection('syncmedia_ledger').countDocuments({ heldBy: id }),
  ).toBe(2);
});

test('a peer that is down does not stop it, and files saved meanwhile arrive too', async () => {
  await holdEverywhere('a.jpg');
  const app = await replaceHost(three, () => rm(three.path(`${dir}/a.jpg`)));
  await one.ssh.stop({ hard: true });
  await app.sync.start();
  await one.write(`${dir}/new.jpg`, 'new');
  await one.app.Photo.create({ title: 'new', file: `${dir}/new.jpg` });
  await untilReady(app, 'three');
  expect(await three.read(`${dir}/a.jpg`)).toBe('a.jpg');
  await until(async () => (await three.read(`${dir}/new.jpg`)) === 'new', { timeout: 15_000 });
});

test('with every peer down it is no source, tries again, and is bootstrapped when one is back', async () => {
  await holdEverywhere('a.jpg');
  const app = await replaceHost(three, () => rm(three.path(`${dir}/a.jpg`)));
  for (const { ssh } of [one, two]) await ssh.stop({ hard: true });
  await app.sync.start();
  await until(
    async () =>
      (await app.sync.runs.list()).some(
        ({ kind, state }) => kind === 'bootstrap' && state === 'failed',
      ),
    { timeout: 20_000 },
  );
  expect((await app.sync.hosts.show('three')).readyAt).toBeUndefined();
  await two.ssh.start();
  await untilReady(app, 'three');
  expect(await three.read(`${dir}/a.jpg`)).toBe('a.jpg');
});

test('a host that returns after deletes were forgotten moves those files away, and brings them to no other host', async () => {
  await holdEverywhere('deleted.jpg', 'stays.jpg');
  const app = await replaceHost(three, async () => {
    for (const machine of [one, two]) await rm(machine.path(`${dir}/deleted.jpg`));
    await forgetEntry('deleted.jpg');
    await one.write(`${dir}/stays.jpg`, 'replaced', 2_000_000);
    await one.app.sync.runs.follow((await one.app.sync.push()).id);
  });
  expect((await app.sync.hosts.show('three')).returnedAt).toBeInstanceOf(Date);
  await app.sync.start();
  await untilReady(app, 'three');
  expect(await three.listArea('conflicts')).toEqual(['deleted.jpg']);
  expect((await app.sync.hosts.show('three')).returnedAt).toBeUndefined();
  await one.app.sync.runs.follow((await one.app.sync.pull()).id);
  await untilNothingPending(site);
  for (const machine of [one, two, three])
    expect(Object.keys(await machine.tree())).toEqual([`${dir}/stays.jpg`]);
  expect(await three.read(`${dir}/stays.jpg`)).toBe('replaced');
});

test('a host that was away for very long by its own account does the same', async () => {
  await holdEverywhere('deleted.jpg', 'stays.jpg');
  await two.app.close();
  for (const machine of [one, three]) await rm(machine.path(`${dir}/deleted.jpg`));
  await forgetEntry('deleted.jpg');
  await one.app.connection
    .collection('syncmedia_hosts')
    .updateOne({ hostname: 'two' }, { $set: { lastSeenAt: new Date('2020-01-01') } });
  await two.startApp();
  await until(async () => (await two.listArea('conflicts')).includes('deleted.jpg'), {
    timeout: 40_000,
  });
  await untilReady(one.app, 'two');
  expect(Object.keys(await two.tree())).toEqual([`${dir}/stays.jpg`]);
});

test('a first adoption contributes the files that only the new host has', async () => {
  await holdEverywhere('a.jpg');
  const app = await replaceHost(three, async () => {
    await rm(three.path(`${dir}/.syncmedia`), { recursive: true });
    await three.write(`${dir}/its-own.jpg`, 'its own', 500_000);
  });
  await app.sync.start();
  for (const machine of [one, two])
    await until(async () => (await machine.read(`${dir}/its-own.jpg`)) === 'its own', {
      timeout: 40_000,
    });
});

test('a new host without access at first is bootstrapped once the others open', async () => {
  await one.write(`${dir}/a.jpg`, 'a');
  await one.app.Photo.create({ title: 'a', file: `${dir}/a.jpg` });
  for (const { ssh } of [one, two, three]) await ssh.stop({ hard: true });
  const four = await site.addMachine('four');
  await until(
    async () =>
      (await four.app.sync.runs.list()).some(
        ({ kind, state }) => kind === 'bootstrap' && state === 'failed',
      ),
    { timeout: 20_000 },
  );
  expect((await four.app.sync.hosts.show('four')).readyAt).toBeUndefined();
  for (const { ssh } of [one, two, three]) await ssh.start();
  await untilReady(four.app, 'four');
  await until(async () => (await four.read(`${dir}/a.jpg`)) === 'a', { timeout: 20_000 });
});

test('a new host does not wait for one that was killed long ago', async () => {
  await site.close();
  site = await openSite({ plugin: { rescan: false }, tuning: { goneMs: 600_000 } });
  [one, two, three] = threeOf(site);
  await holdEverywhere('a.jpg');
  await two.app.close();
  const lease = { leader: 'a process that was killed', beat: 7 };
  await one.app.connection
    .collection('syncmedia_hosts')
    .updateOne({ hostname: 'two' }, { $set: { lease, heartbeatAt: new Date('2020-01-01') } });
  const four = await site.addMachine('four');
  await untilReady(four.app, 'four');
  expect((await one.app.sync.hosts.show('two')).lease).toEqual(lease);
  expect(await four.read(`${dir}/a.jpg`)).toBe('a.jpg');
});
