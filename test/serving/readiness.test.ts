import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dir, openSite, untilNothingPending, type Machine, type Site } from '../flow/site.js';
import { until } from '../harness/wait.js';
import { startWeb, type Web } from './web.js';

const slow = { timeout: 30_000 };
const file = `${dir}/a.jpg`;
let site: Site, one: Machine, two: Machine, web: Web;
beforeEach(async () => {
  site = await openSite({ hosts: ['one', 'two'], plugin: { rescan: false } });
  [one, two] = site.machines as [Machine, Machine];
  web = await startWeb((app) => {
    app.use('/ready', two.app.sync.ready({ maxFiles: 0 }));
    app.use('/uploads', two.app.sync.serve('uploads'));
  });
  // Nothing reaches two, so the captures of one are pending there.
  await two.ssh.stop({ hard: true });
  await one.write(file, 'a');
  await one.app.Photo.create({ title: 'a', file });
  await until(async () => (await one.app.sync.statusOf(file)).files[0]?.pending[0]?.failure, slow);
  await untilReady(false);
});
afterEach(async () => {
  await web.close();
  await site.close();
});

const untilReady = (ready: boolean): Promise<unknown> =>
  until(async () => ((await web.get('/ready')).status === 200) === ready, slow);

test('a file that its uploader removed before it was delivered makes no other host unready, and is 404 there', async () => {
  await rm(one.path(file));
  await two.ssh.start();
  await until(async () => (await one.app.sync.statusOf(file)).files[0]?.heldBy.length === 0, slow);
  expect((await one.app.sync.statusOf(file)).files[0]?.pending).toMatchObject([
    { hostname: 'two' },
  ]);
  await untilReady(true);
  expect((await web.get('/uploads/photos/a.jpg')).status).toBe(404);

  // It is uploaded again: a pending file counts again until it has arrived.
  await two.ssh.stop({ hard: true });
  await one.write(file, 'another');
  await one.app.Photo.create({ title: 'another', file });
  await untilReady(false);
  await two.ssh.start();
  await untilNothingPending(site, 30_000);
  await untilReady(true);
  expect(await two.read(file)).toBe('another');
});

test('a file that only a failing host holds makes no other host unready; once that host works it counts', async () => {
  await one.app.close();
  await one.ssh.stop({ hard: true });
  await untilReady(true);
  expect((await web.get('/uploads/photos/a.jpg')).status).toBe(503);
  one.app = await one.startApp();
  await untilReady(false);
});
