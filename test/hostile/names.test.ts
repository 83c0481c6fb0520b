import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { dir, openSite, untilNothingPending, type Machine, type Site } from '../flow/site.js';
import { until } from '../harness/wait.js';
import { names, optionValues, rowValues, unsafePaths } from './corpus.js';
import { findCanary } from './find-canary.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let site: Site;
let one: Machine;
let two: Machine;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'], plugin: { onDelete: 'propagate' } });
  [one, two] = site.machines as [Machine, Machine];
});
afterAll(() => site.close());

/** The tree below a folder of the sync dir. */
const below = (tree: Record<string, string>, folder: string): Record<string, string> =>
  Object.fromEntries(Object.entries(tree).filter(([path]) => path.startsWith(`${dir}/${folder}/`)));
async function sameBelow(folder: string): Promise<void> {
  const wanted = below(await one.tree(), folder);
  await until(
    async () =>
      JSON.stringify(Object.entries(below(await two.tree(), folder)).sort()) ===
      JSON.stringify(Object.entries(wanted).sort()),
    { timeout: 40_000, what: `the same files below ${folder}` },
  );
  expect(Object.keys(below(await two.tree(), folder)).length).toBe(names.length);
}

test('the corpus has its size, and no value twice', () => {
  for (const list of [names, unsafePaths, rowValues, optionValues])
    expect(new Set(list.map((value) => inspect(value))).size).toBe(list.length);
  expect(
    names.length + unsafePaths.length + rowValues.length + optionValues.length,
  ).toBeGreaterThanOrEqual(300);
});

test('every name goes with its save, byte for byte', async () => {
  await Promise.all(
    names.map((name, index) => one.write(`${dir}/saved/${name}`, `saved ${String(index)}`)),
  );
  await Promise.all(
    names.map((name, index) =>
      one.app.Photo.create({ title: `photo ${String(index)}`, file: `${dir}/saved/${name}` }),
    ),
  );
  await sameBelow('saved');
  await untilNothingPending(site, 40_000);
  expect(await findCanary(site.machines)).toEqual([]);
});

test('every name goes with a push, and comes with a pull', async () => {
  const { sync } = one.app;
  await Promise.all(
    names.map((name, index) => one.write(`${dir}/pushed/${name}`, `pushed ${String(index)}`)),
  );
  expect(await sync.runs.follow((await sync.push()).id)).toMatchObject({
    state: 'done',
    failures: [],
  });
  await sameBelow('pushed');
  // Delivery queues of the other host do not hear of these: they are written behind its back, and
  // fetched.
  await Promise.all(
    names.map((name, index) => two.write(`${dir}/pulled/${name}`, `pulled ${String(index)}`)),
  );
  expect(await sync.runs.follow((await sync.pull()).id)).toMatchObject({
    state: 'done',
    failures: [],
  });
  expect(Object.keys(below(await one.tree(), 'pulled')).length).toBe(names.length);
  await sameBelow('pulled');
  await untilNothingPending(site, 40_000);
  expect(await findCanary(site.machines)).toEqual([]);
});

test('every name is removed with its record, once a person has agreed to so many', async () => {
  await one.app.Photo.deleteMany({});
  await rm(one.path(`${dir}/saved`), { recursive: true });
  await until(async () => (await one.app.sync.removals.list()).length > 0, { timeout: 20_000 });
  await one.app.sync.removals.decide(dir, 'approved');
  await until(async () => Object.keys(below(await two.tree(), 'saved')).length === 0, {
    timeout: 40_000,
  });
  expect(Object.keys(below(await two.tree(), 'pushed')).length).toBe(names.length);
  expect(await findCanary(site.machines)).toEqual([]);
});

test('every unsafe path is refused by capture, remove and restore, and a save that names it sends nothing', async () => {
  const { sync, Photo } = one.app;
  const outside = join(one.ssh.dir, 'outside');
  await writeFile(outside, 'secret');
  await writeFile(one.path('outside'), 'secret');
  const paths = unsafePaths.map((path) => path.replaceAll('DIR', dir));
  for (const path of paths) {
    await expect(sync.capture([path]), JSON.stringify(path)).rejects.toThrow(
      expect.objectContaining({ code: 'BAD_PATH' }),
    );
    await expect(sync.remove([path]), JSON.stringify(path)).rejects.toThrow(
      expect.objectContaining({ code: 'BAD_PATH' }),
    );
    await expect(
      sync.recoverable.restore(dir, `.syncmedia/trash/x/${path}`),
      JSON.stringify(path),
    ).rejects.toThrow(expect.objectContaining({ code: 'BAD_PATH' }));
  }
  const reconciled: string[] = [];
  const stop = sync.on('recorded', ({ paths: some }) => {
    reconciled.push(...some);
  });
  await Photo.insertMany(
    paths.map((file, index) => ({
      title: `photo ${String(index)}`,
      file: file.replaceAll('\0', ''),
    })),
  );
  await untilNothingPending(site);
  stop();
  expect(
    reconciled.filter(
      (path) => path.includes('outside') || path.includes('passwd') || path.includes('..'),
    ),
  ).toEqual([]);
  expect(await readdir(two.ssh.root)).not.toContain('outside');
});

test('names that are not UTF-8 and special files are shown in status and log, and not sent', async () => {
  const folder = Buffer.from(`${one.path(dir)}/`);
  const raw = [
    Buffer.from([0xff, 0xfe]),
    Buffer.from([0x61, 0x80]),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from([0xc0, 0xae, 0xc0, 0xae]),
  ];
  for (const name of raw) await writeFile(Buffer.concat([folder, name]), 'x');
  await mkdir(one.path(`${dir}/links`));
  await symlink('/etc', one.path(`${dir}/links/etc`));
  await symlink('/etc/passwd', one.path(`${dir}/links/passwd`));
  await one.write(`${dir}/after.jpg`, 'after');
  const push = async () => one.app.sync.runs.follow((await one.app.sync.push()).id);
  await push();
  const unsyncable = async () =>
    (await one.app.sync.status()).hosts.find(({ hostname }) => hostname === 'one')?.unsyncable?.[
      dir
    ];
  expect((await unsyncable())?.count).toBe(raw.length);
  expect((await unsyncable())?.examples.map(({ why }) => why)).toEqual(
    raw.map(() => 'the name is not valid UTF-8'),
  );
  expect(one.app.log.filter((line) => line.includes('is not valid UTF-8'))).toEqual([
    expect.stringContaining('4 names in "uploads/photos"'),
  ]);
  await until(async () => (await two.read(`${dir}/after.jpg`)) === 'after');
  await untilNothingPending(site);
  expect(
    (await readdir(two.path(dir))).filter((name) => name.includes('\ufffd') || name === 'links'),
  ).toEqual([]);
  for (const name of raw) await rm(Buffer.concat([folder, name]));
  await push();
  expect(await unsyncable()).toBeUndefined();
});
