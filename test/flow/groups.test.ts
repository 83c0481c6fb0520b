import { rm, stat } from 'node:fs/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { otherGroups, share } from '../harness/groups.js';
import { until } from '../harness/wait.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
const [web] = otherGroups(1);
if (web === undefined)
  console.warn(
    'SKIPPED, groups on their way through a site: this user belongs to no group but its own',
  );
let site: Site | undefined;
afterEach(() => site?.close());

/** Group and mode of something on a machine. */
async function lookAt(machine: Machine, name: string): Promise<[gid: number, mode: string]> {
  const { gid, mode } = await stat(machine.path(`${dir}/${name}`));
  return [gid, (mode & 0o7777).toString(8)];
}

test.skipIf(web === undefined)(
  'files that are saved, removed and restored belong to the group of their setgid directory on every host',
  async () => {
    const group = web ?? 0;
    site = await openSite({
      hosts: ['one', 'two'],
      plugin: { onDelete: 'propagate', rescan: false },
      environment: { SYNCMEDIA_CHMOD: 'F640' },
      prepare: (root) => share(`${root}/${dir}`, group),
    });
    const [one, two] = site.machines as [Machine, Machine];
    // The first opens the connection; what comes after it is sent ahead.
    for (const name of ['a.jpg', 'b.jpg', 'album/c.jpg', 'album/deep/d.jpg']) {
      await one.write(`${dir}/${name}`, name);
      await one.app.Photo.create({ title: name, file: name });
      await until(async () => (await two.read(`${dir}/${name}`)) === name, { timeout: 15_000 });
      expect(await lookAt(two, name)).toEqual([group, '640']);
    }
    expect(await lookAt(two, 'album/deep')).toEqual([group, '2755']);
    await untilNothingPending(site);

    const photo = await one.app.Photo.findOne({ title: 'album/deep/d.jpg' });
    await photo?.deleteOne();
    await rm(one.path(`${dir}/album/deep/d.jpg`));
    await until(async () => (await two.read(`${dir}/album/deep/d.jpg`)) === undefined, {
      timeout: 30_000,
    });
    const [kept] = await until(async () => {
      const found = await two.app.sync.recoverable.list('trash');
      return found.length > 0 && found;
    });
    if (!kept) throw new Error('nothing is in the trash');
    await two.app.sync.recoverable.restore(kept.dir, kept.keptAs);
    expect([await lookAt(two, 'album/deep'), await lookAt(two, 'album/deep/d.jpg')]).toEqual([
      [group, '2755'],
      [group, '640'],
    ]);

    // A new host fetches its files.
    const three = await site.addMachine('three');
    await until(async () => (await three.read(`${dir}/album/c.jpg`)) === 'album/c.jpg', {
      timeout: 30_000,
    });
    expect([await lookAt(three, 'album'), await lookAt(three, 'album/c.jpg')]).toEqual([
      [group, '2755'],
      [group, '640'],
    ]);
  },
);
