import { mkdir, rm, stat, unlink } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Entry } from '../../src/model/entry.js';
import { until } from '../harness/wait.js';
import { dir, openSite, type Machine, type Site } from './site.js';

let site: Site, one: Machine, two: Machine;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'], plugin: { onDelete: 'propagate' } });
  [one, two] = site.machines as [Machine, Machine];
}, 60_000);
afterAll(() => site.close());

const at = (name: string): string => `${dir}/${name}`;
async function save(name: string, content: string): Promise<void> {
  await one.write(at(name), content);
  await one.app.Photo.create({ title: name, file: at(name) });
}
const arrives = (machine: Machine, name: string, content: string | undefined): Promise<unknown> =>
  until(async () => (await machine.read(at(name))) === content, {
    timeout: 60_000,
    what: `${name} on ${machine.name}`,
  });

test('a file that is deleted with its document and becomes a directory at once is deleted everywhere, and the files below it arrive', async () => {
  await save('album', 'old');
  await arrives(two, 'album', 'old');
  await one.app.Photo.deleteMany({ file: at('album') });
  await unlink(one.path(at('album')));
  await save('album/cover.jpg', 'below');
  await arrives(two, 'album/cover.jpg', 'below');
}, 120_000);

test('a directory that becomes a file is replaced by it once the files in it are deleted', async () => {
  await save('page/x.jpg', 'old');
  await arrives(two, 'page/x.jpg', 'old');
  await one.app.Photo.deleteMany({ file: at('page/x.jpg') });
  await rm(one.path(at('page')), { recursive: true });
  await save('page', 'a file');
  await arrives(two, 'page', 'a file');
}, 120_000);

test('a directory in the way of a file keeps no push, pull or verify from everything else', async () => {
  await mkdir(two.path(at('taken')), { recursive: true });
  await two.write(at('taken/by-hand.jpg'), 'by hand');
  await one.write(at('taken'), 'a file');
  await one.write(at('beside.jpg'), 'beside');
  for (const machine of [one, two]) {
    for (const ask of ['push', 'verify', 'pull'] as const) {
      const { id } = await machine.app.sync[ask]();
      await until(
        async () =>
          !['requested', 'running'].includes((await machine.app.sync.runs.show(id)).state),
        { timeout: 60_000 },
      );
      const run = await machine.app.sync.runs.show(id);
      expect(
        run.failures
          .filter(({ failure }) => failure.code === 'TRANSFER_FAILED')
          .map(({ failure }) => `${machine.name} ${ask}: ${failure.message}`),
      ).toEqual([]);
    }
  }
  await arrives(two, 'beside.jpg', 'beside');
  // Neither is lost: a person decides which of them stays.
  expect(await one.read(at('taken'))).toBe('a file');
  expect((await stat(two.path(at('taken')))).isDirectory()).toBe(true);
  expect(await two.read(at('taken/by-hand.jpg'))).toBe('by hand');
}, 240_000);

test('a delete reaches a host that has a directory, or a file in the place of the directory, where the file was', async () => {
  await save('card', 'old');
  await save('deck/card', 'old');
  await arrives(two, 'card', 'old');
  await arrives(two, 'deck/card', 'old');
  for (const name of ['card', 'deck']) await rm(two.path(at(name)), { recursive: true });
  await two.write(at('card/by-hand.jpg'), 'by hand');
  await two.write(at('deck'), 'by hand');
  await one.app.Photo.deleteMany({ file: { $in: [at('card'), at('deck/card')] } });
  for (const name of ['card', 'deck/card']) await unlink(one.path(at(name)));
  const isDone = async (name: string): Promise<boolean> => {
    const entry = await site.database.connection
      .collection<Omit<Entry, 'path'> & { _id: string }>('syncmedia_ledger')
      .findOne({ _id: at(name) });
    return entry?.kind === 'tombstone' && entry.pending.length === 0 && entry.blocked.length === 0;
  };
  for (const name of ['card', 'deck/card'])
    await until(() => isDone(name), { timeout: 60_000, what: `the delete of ${name}` });
  expect(await two.read(at('card/by-hand.jpg'))).toBe('by hand');
}, 180_000);
