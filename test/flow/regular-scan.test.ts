import { stat, utimes, writeFile } from 'node:fs/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilSettled, type Site } from './site.js';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
let site: Site | undefined;
afterEach(() => site?.close());

test('a file that nobody told of is found in the directory that it changed', async () => {
  site = await openSite({ plugin: { sweep: false }, tuning: { scanChangedMs: 500 } });
  const [one, two] = threeOf(site);
  await until(async () => (await one.app.sync.hosts.show('one')).scans?.[dir] !== undefined, { timeout: 10_000 });
  await one.write(`${dir}/copied/by-hand.jpg`, 'by hand', 1_000_000);
  await until(async () => await two.read(`${dir}/copied/by-hand.jpg`) === 'by hand', { timeout: 30_000 });
});

test('everything, at times: what was written in place, and what is back in an older version, which the host then owes itself', async () => {
  site = await openSite({ plugin: { sweep: false }, tuning: { scanAllMs: 1_500 } });
  const [one, two] = threeOf(site);
  await one.write(`${dir}/a.jpg`, 'first version', 1_000_000);
  await one.app.sync.capture([`${dir}/a.jpg`]);
  await until(async () => await two.read(`${dir}/a.jpg`) === 'first version', { timeout: 15_000 });
  await untilSettled(site);
  const { ino } = await stat(one.path(`${dir}/a.jpg`));
  await writeFile(one.path(`${dir}/a.jpg`), 'second');
  expect((await stat(one.path(`${dir}/a.jpg`))).ino).toBe(ino);
  await until(async () => await two.read(`${dir}/a.jpg`) === 'second', { timeout: 30_000 });
  await untilSettled(site);
  await writeFile(two.path(`${dir}/a.jpg`), 'first version');
  await utimes(two.path(`${dir}/a.jpg`), 1_000_000, 1_000_000);
  await until(async () => await two.read(`${dir}/a.jpg`) === 'second', { timeout: 30_000 });
});

test('what lies in a sync dir that is new is not taken for news at once', async () => {
  site = await openSite({ plugin: { sweep: false }, tuning: { scanChangedMs: 300 } });
  const [one, two] = threeOf(site);
  const scanned = async (): Promise<number> => (await two.app.sync.hosts.show('one')).scans?.[dir]?.changed.getTime() ?? 0;
  await one.app.close();
  await one.write(`${dir}/old/a.jpg`, 'a', 1_000_000);
  await two.app.connection.collection('syncmedia_hosts').updateOne({ hostname: 'one' }, { $unset: { scans: 1 } });
  // Directories are dated by a coarse clock: what is younger than two seconds counts as changed.
  const { ctimeMs } = await stat(one.path(`${dir}/old`));
  await until(() => Date.now() > ctimeMs + 2_500);
  await one.startApp();
  const begun = await until(scanned, { timeout: 15_000 });
  await until(async () => await scanned() > begun + 1_000, { timeout: 20_000 });
  expect((await two.app.sync.status()).entries).toBe(0);
});
