import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let site: Site, one: Machine, two: Machine, three: Machine;
const names = Array.from({ length: 5 }, (_, n) => `${dir}/album-${String(n % 2)}/${String(n)}.jpg`);
beforeEach(async () => {
  site = await openSite({ plugin: { onDelete: 'propagate' } });
  [one, two, three] = threeOf(site);
  for (const name of names) {
    await one.write(name, name);
    await one.app.Photo.create({ title: 'a photo', file: name });
  }
  await untilNothingPending(site);
  for (const machine of [one, two, three])
    expect(Object.keys(await machine.tree()).sort()).toEqual([...names].sort());
});
afterEach(() => site.close());

/** Push, pull and a verification that repairs, on each host, to the end. */
async function runAll(): Promise<void> {
  for (const {
    app: { sync },
  } of [two, one, three]) {
    for (const run of [await sync.push(), await sync.pull(), await sync.verify({ repair: true })])
      await sync.runs.follow(run.id);
  }
}

test('a sync dir that was emptied on one host loses nothing elsewhere, and gets its files back', async () => {
  for (const name of await readdir(two.path(dir)))
    if (name !== '.syncmedia') await rm(join(two.path(dir), name), { recursive: true });
  await runAll();
  await untilNothingPending(site);
  for (const machine of [one, three, two]) {
    expect(Object.keys(await machine.tree()).sort()).toEqual([...names].sort());
    expect(await machine.listArea('trash')).toEqual([]);
  }
});

test('a sync dir that is not mounted on one host loses nothing anywhere, and nothing is put where it should be', async () => {
  const elsewhere = join(two.ssh.dir, 'unmounted');
  await rename(two.path(dir), elsewhere);
  await mkdir(two.path(dir));
  await runAll();
  for (const machine of [one, three]) {
    expect(Object.keys(await machine.tree()).sort()).toEqual([...names].sort());
    expect(await machine.listArea('trash')).toEqual([]);
  }
  // Empty still: rmdir refuses anything else.
  await rmdir(two.path(dir));
  await rename(elsewhere, two.path(dir));
  await runAll();
  await untilNothingPending(site);
  expect(Object.keys(await two.tree()).sort()).toEqual([...names].sort());
});
