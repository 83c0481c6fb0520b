import { rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

// Each test lets several versions reach three hosts.
vi.setConfig({ testTimeout: 180_000 });

/** A save on the host that has the file outranks what size and date say of it. */
let site: Site, one: Machine, two: Machine, three: Machine;
beforeAll(async () => {
  site = await openSite({ plugin: { onDelete: 'propagate' } });
  [one, two, three] = threeOf(site);
}, 120_000);
afterAll(() => site.close());

const at = (name: string): string => `${dir}/${name}`;
async function save(machine: Machine, ...names: string[]): Promise<void> {
  for (const name of names) await machine.app.Photo.create({ title: name, file: at(name) });
}
/**
 * Waits until every host has these bytes, or no file, and nothing is on its way that could change
 * that.
 */
async function everywhere(name: string, content: string | undefined): Promise<void> {
  const look = async (): Promise<(string | undefined)[]> =>
    Promise.all([one, two, three].map((machine) => machine.read(at(name))));
  const hasArrived = async (): Promise<boolean> => {
    const found = await look();
    return (
      found.every((bytes) => bytes === content) ||
      Promise.reject(
        new Error(`${name} should be ${String(content)} and is ${JSON.stringify(found)}`),
      )
    );
  };
  await until(hasArrived, { timeout: 30_000, what: `${name} everywhere` });
  await untilNothingPending(site, 30_000);
  expect(await look()).toEqual([content, content, content]);
}
/** As `exiftool -P` does: a new file in the place of the old one, with its date. */
async function rewrite(machine: Machine, name: string, content: string): Promise<void> {
  const path = machine.path(at(name)),
    { atime, mtime } = await stat(path);
  await writeFile(`${path}.tmp`, content);
  await utimes(`${path}.tmp`, atime, mtime);
  await rename(`${path}.tmp`, path);
}

describe('a file whose delete is undone', () => {
  test.each(['one', 'two'])(
    'is back on every host once a save on %s names it, whatever its date',
    async (name) => {
      const file = `undone on ${name}.jpg`,
        host = name === 'one' ? one : two;
      await one.write(at(file), 'kept', 1_000_000);
      await save(one, file);
      await everywhere(file, 'kept');
      await rename(one.path(at(file)), one.path(`${file}.away`));
      await one.app.Photo.deleteMany({ title: file });
      await everywhere(file, undefined);
      await host.write(at(file), 'kept', 1_000_000);
      await save(host, file);
      await everywhere(file, 'kept');
      await rm(one.path(`${file}.away`));
    },
  );
});

describe('an older version that is put back with its date', () => {
  test.each(['one', 'two'])(
    'is the version of every host once a save on %s names it',
    async (name) => {
      const file = `restored on ${name}.jpg`,
        host = name === 'one' ? one : two;
      await one.write(at(file), 'version 1', 1_000_000);
      await save(one, file);
      await everywhere(file, 'version 1');
      await one.write(at(file), 'the second version', 2_000_000);
      await save(one, file);
      await everywhere(file, 'the second version');
      await host.write(at(file), 'version 1', 1_000_000);
      await save(host, file);
      await everywhere(file, 'version 1');
    },
  );
});

describe('other bytes of the same size and date', () => {
  test.each(['one', 'two'])('reach every host once a save on %s names them', async (name) => {
    const file = `rewritten on ${name}.jpg`,
      host = name === 'one' ? one : two;
    await one.write(at(file), 'without a title', 1_000_000);
    await save(one, file);
    await everywhere(file, 'without a title');
    await rewrite(host, file, 'with some title');
    await save(host, file);
    await everywhere(file, 'with some title');
  });

  test('reach every host where two files were swapped', async () => {
    for (const name of ['left.jpg', 'right.jpg'])
      await one.write(at(name), `${name.slice(0, 4)}, of one size`, 1_000_000);
    await save(one, 'left.jpg', 'right.jpg');
    await everywhere('right.jpg', 'righ, of one size');
    await everywhere('left.jpg', 'left, of one size');
    await rename(one.path(at('left.jpg')), one.path('limbo'));
    await rename(one.path(at('right.jpg')), one.path(at('left.jpg')));
    await rename(one.path('limbo'), one.path(at('right.jpg')));
    await save(one, 'left.jpg', 'right.jpg');
    await everywhere('left.jpg', 'righ, of one size');
    await everywhere('right.jpg', 'left, of one size');
  });

  test('are no bit rot to a repair on the host that saved the file', async () => {
    await one.write(at('edited.jpg'), 'before the edit', 1_000_000);
    await save(one, 'edited.jpg');
    await everywhere('edited.jpg', 'before the edit');
    await rewrite(one, 'edited.jpg', 'after this edit');
    const { sync } = one.app;
    const run = await sync.runs.follow((await sync.verify({ repair: true })).id);
    expect(run).toMatchObject({ state: 'done', failures: [] });
    await everywhere('edited.jpg', 'after this edit');
  });
});
