import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Site } from './site.js';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
let site: Site | undefined;
afterEach(() => site?.close());

test('a file that no document names is found in the directory that it changed', async () => {
  site = await openSite({ plugin: { rescan: false }, tuning: { scanChangedMs: 500 } });
  const [one, two] = threeOf(site);
  await until(async () => (await one.app.sync.hosts.show('one')).scans?.[dir] !== undefined, {
    timeout: 10_000,
  });
  await one.write(`${dir}/copied/by-hand.jpg`, 'by hand', 1_000_000);
  await until(async () => (await two.read(`${dir}/copied/by-hand.jpg`)) === 'by hand', {
    timeout: 30_000,
  });
});

test('a tree that was moved into the sync dir, or renamed there, arrives as a whole', async () => {
  site = await openSite({ plugin: { rescan: false }, tuning: { scanChangedMs: 500 } });
  const [one, two] = threeOf(site);
  await one.write('staging/album/cover.jpg', 'cover', 1_000_000);
  await one.write('staging/album/thumbs/small/cover.jpg', 'small cover', 1_000_000);
  await one.write(`${dir}/2025/a.jpg`, 'a', 1_000_000);
  await one.write(`${dir}/2025/thumbs/a.jpg`, 'small a', 1_000_000);
  await one.app.sync.capture([`${dir}/2025/a.jpg`, `${dir}/2025/thumbs/a.jpg`]);
  await until(async () => (await two.read(`${dir}/2025/thumbs/a.jpg`)) === 'small a', {
    timeout: 15_000,
  });
  // Directories are dated by a coarse clock, and a margin of two seconds counts as changed.
  const scanned = async (): Promise<number> =>
    (await one.app.sync.hosts.show('one')).scans?.[dir]?.changed.getTime() ?? 0;
  const { ctimeMs } = await stat(one.path(`${dir}/2025/thumbs`));
  await until(async () => (await scanned()) > ctimeMs + 3_000, { timeout: 30_000 });
  await rename(one.path('staging/album'), one.path(`${dir}/album`));
  await rename(one.path(`${dir}/2025`), one.path(`${dir}/archive-2025`));
  await until(
    async () => (await two.read(`${dir}/album/thumbs/small/cover.jpg`)) === 'small cover',
    { timeout: 30_000 },
  );
  await until(async () => (await two.read(`${dir}/archive-2025/thumbs/a.jpg`)) === 'small a', {
    timeout: 30_000,
  });
  expect(await two.read(`${dir}/album/cover.jpg`)).toBe('cover');
});

test('a full scan finds files written in place, and an older version that is back, which is then pending at its own host', async () => {
  // An older version is left for so long to a save that may be about to name it.
  site = await openSite({
    plugin: { rescan: false },
    tuning: { scanAllMs: 1_500, candidateMs: 1_000 },
  });
  const [one, two] = threeOf(site);
  await one.write(`${dir}/a.jpg`, 'first version', 1_000_000);
  await one.app.sync.capture([`${dir}/a.jpg`]);
  await until(async () => (await two.read(`${dir}/a.jpg`)) === 'first version', {
    timeout: 15_000,
  });
  await untilNothingPending(site);
  const { ino } = await stat(one.path(`${dir}/a.jpg`));
  await writeFile(one.path(`${dir}/a.jpg`), 'second');
  expect((await stat(one.path(`${dir}/a.jpg`))).ino).toBe(ino);
  await until(async () => (await two.read(`${dir}/a.jpg`)) === 'second', { timeout: 30_000 });
  await untilNothingPending(site);
  // Beside it: a scan between the write and its date would take it for a new version.
  await two.write('beside.jpg', 'first version', 1_000_000);
  await rename(two.path('beside.jpg'), two.path(`${dir}/a.jpg`));
  await until(async () => (await two.read(`${dir}/a.jpg`)) === 'second', { timeout: 30_000 });
});

test('files in a new sync dir are not taken for new versions at once', async () => {
  site = await openSite({ plugin: { rescan: false }, tuning: { scanChangedMs: 300 } });
  const [one, two] = threeOf(site);
  const scanned = async (): Promise<number> =>
    (await two.app.sync.hosts.show('one')).scans?.[dir]?.changed.getTime() ?? 0;
  await one.app.close();
  await one.write(`${dir}/old/a.jpg`, 'a', 1_000_000);
  await two.app.connection
    .collection('syncmedia_hosts')
    .updateOne({ hostname: 'one' }, { $unset: { scans: 1 } });
  // Directories are dated by a coarse clock: one younger than two seconds counts as changed.
  const { ctimeMs } = await stat(one.path(`${dir}/old`));
  await until(() => Date.now() > ctimeMs + 2_500);
  await one.startApp();
  const begun = await until(scanned, { timeout: 15_000 });
  await until(async () => (await scanned()) > begun + 1_000, { timeout: 20_000 });
  expect((await two.app.sync.status()).entries).toBe(0);
});

test('a delete is forgotten once every host knows of it, and not before', async () => {
  site = await openSite({
    plugin: { rescan: false, onDelete: 'propagate' },
    tuning: { scanAllMs: 500, tombstoneMs: 60_000 },
  });
  const [one, two, three] = threeOf(site);
  const ledger = one.app.connection.collection<{ _id: string; capturedAt: Date; kind: string }>(
    'syncmedia_ledger',
  );
  const isKnown = async (name: string): Promise<boolean> =>
    (await ledger.findOne({ _id: `${dir}/${name}` })) !== null;
  for (const name of ['long-ago.jpg', 'lately.jpg', 'unheard.jpg'])
    await one.write(`${dir}/${name}`, name);
  await one.app.sync.capture(
    ['long-ago.jpg', 'lately.jpg', 'unheard.jpg'].map((name) => `${dir}/${name}`),
  );
  await until(async () => Object.keys(await three.tree()).length === 3, { timeout: 15_000 });
  await untilNothingPending(site);
  const remove = async (name: string): Promise<void> => {
    await rm(one.path(`${dir}/${name}`));
    await one.app.sync.remove([`${dir}/${name}`]);
    await until(
      async () => (await ledger.findOne({ _id: `${dir}/${name}` }))?.kind === 'tombstone',
      { timeout: 15_000 },
    );
    await until(async () => (await two.read(`${dir}/${name}`)) === undefined, { timeout: 15_000 });
  };
  await remove('long-ago.jpg');
  await remove('lately.jpg');
  await untilNothingPending(site);
  await three.app.close();
  await three.ssh.stop({ hard: true });
  await remove('unheard.jpg');
  await ledger.updateMany(
    { _id: { $in: [`${dir}/long-ago.jpg`, `${dir}/unheard.jpg`] } },
    { $set: { capturedAt: new Date(Date.now() - 100_000) } },
  );
  await until(async () => !(await isKnown('long-ago.jpg')), { timeout: 30_000 });
  const scanned = async (): Promise<number> =>
    (await two.app.sync.hosts.show('two')).scans?.[dir]?.all.getTime() ?? 0;
  const before = await scanned();
  await until(async () => (await scanned()) > before, { timeout: 30_000 });
  expect([await isKnown('lately.jpg'), await isKnown('unheard.jpg')]).toEqual([true, true]);
  await three.ssh.start();
  await three.startApp();
  await until(async () => !(await isKnown('unheard.jpg')), { timeout: 30_000 });
  expect(await three.tree()).toEqual({});
});
