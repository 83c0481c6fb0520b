import { afterEach, expect, test, vi } from 'vitest';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, type Site } from './site.js';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
let site: Site | undefined;
afterEach(() => site?.close());

test('a holder delivers the pending files of a host that is gone', async () => {
  site = await openSite({ plugin: { rescan: false }, tuning: { goneMs: 2_000 } });
  const [one, two, three] = threeOf(site);
  await three.ssh.stop({ hard: true });
  await one.write(`${dir}/a.jpg`, 'a');
  await one.app.Photo.create({ title: 'a', file: `${dir}/a.jpg` });
  await until(async () => (await two.read(`${dir}/a.jpg`)) === 'a', { timeout: 15_000 });
  const { id } = await one.app.sync.hosts.show('two');
  const ledger = one.app.connection.collection<{ _id: string; heldBy: string[]; origin: string }>(
    'syncmedia_ledger',
  );
  await until(async () => (await ledger.findOne({ _id: `${dir}/a.jpg` }))?.heldBy.includes(id));
  await one.app.sync.close();
  await three.ssh.start();
  await until(async () => (await three.read(`${dir}/a.jpg`)) === 'a', { timeout: 30_000 });
  expect((await ledger.findOne({ _id: `${dir}/a.jpg` }))?.origin).toBe(id);
});

test('an origin that works keeps its entries, however long a host is down', async () => {
  site = await openSite({ plugin: { rescan: false }, tuning: { goneMs: 4_000 } });
  const [one, two, three] = threeOf(site);
  const { id } = await one.app.sync.hosts.show('one');
  await three.ssh.stop({ hard: true });
  await one.write(`${dir}/a.jpg`, 'a');
  await one.app.Photo.create({ title: 'a', file: `${dir}/a.jpg` });
  await until(async () => (await two.read(`${dir}/a.jpg`)) === 'a', { timeout: 15_000 });
  const hosts = one.app.connection.collection<{ _id: string; lease?: { beat: number } }>(
    'syncmedia_hosts',
  );
  const beat = async (): Promise<number> => (await hosts.findOne({ _id: id }))?.lease?.beat ?? 0;
  const before = await beat();
  await until(async () => (await beat()) > before + 20, { timeout: 40_000 });
  const ledger = one.app.connection.collection<{ _id: string; origin: string }>('syncmedia_ledger');
  expect((await ledger.findOne({ _id: `${dir}/a.jpg` }))?.origin).toBe(id);
});
