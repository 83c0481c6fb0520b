import { stat } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from './site.js';

let site: Site, one: Machine, two: Machine;
beforeEach(async () => {
  site = await openSite({ hosts: ['one', 'two'] });
  [one, two] = site.machines as [Machine, Machine];
});
afterEach(() => site.close());

const file = `${dir}/cat.jpg`,
  keptAs = '.syncmedia/conflicts/0m2abcdef-0123456789abcdef/cat.jpg';

/** One host has a file and, among its conflicts, another version of it. */
async function makeConflict(content: string): Promise<void> {
  await one.write(file, 'winner');
  await one.app.Photo.create({ title: 'cat', file });
  await until(async () => (await two.read(file)) === 'winner');
  await untilNothingPending(site);
  await one.write(`${dir}/${keptAs}`, content, 1_700_000_000);
}

test('a conflict is listed, and compared with the file at its path', async () => {
  await makeConflict('loser');
  const { conflicts } = one.app.sync;
  expect(await conflicts.list()).toMatchObject([{ dir, path: file, keptAs, size: 5 }]);
  const compared = await conflicts.compare(dir, keptAs);
  expect(compared).toMatchObject({
    dir,
    path: file,
    keptAs,
    conflict: { size: 5, mtime: new Date(1_700_000_000_000) },
    here: { size: 6 },
    identical: false,
  });
  expect(compared.conflict.sha256).not.toBe(compared.here?.sha256);
  await one.write(file, 'loser');
  expect((await conflicts.compare(dir, keptAs)).identical).toBe(true);
});

test('two hosts that save the same bytes at one path, at once and with dates of their own, have no conflict', async () => {
  const names = Array.from({ length: 10 }, (_, n) => `${dir}/same-${String(n)}.jpg`);
  await Promise.all(
    names.map(async (name) => {
      await Promise.all([
        one.write(name, `the bytes of ${name}`, 1_000_000),
        two.write(name, `the bytes of ${name}`, 2_000_000),
      ]);
      await Promise.all([one, two].map(({ app }) => app.Photo.create({ title: name, file: name })));
    }),
  );
  const ledger = one.app.connection.collection<{
    _id: string;
    heldBy: string[];
    superseded: unknown[];
  }>('syncmedia_ledger');
  await until(
    async () => (await ledger.countDocuments({ _id: { $in: names }, heldBy: { $size: 2 } })) === 10,
    { timeout: 30_000, what: 'every file held by both' },
  );
  await untilNothingPending(site);
  const dates = await Promise.all(
    names.map(async (name) =>
      Promise.all([one, two].map(async (machine) => (await stat(machine.path(name))).mtimeMs)),
    ),
  );
  for (const [here, there] of dates) expect(here).toBe(there);
  for (const { app } of [one, two]) expect(await app.sync.conflicts.list()).toEqual([]);
});

test('a conflict that is restored wins on every host, and is listed no more', async () => {
  await makeConflict('loser');
  await one.app.sync.conflicts.restore(dir, keptAs);
  await until(async () => (await two.read(file)) === 'loser', { timeout: 15_000 });
  expect(await one.read(file)).toBe('loser');
  expect(await one.app.sync.conflicts.list()).toEqual([]);
});

test('a conflict that is discarded lies in the trash, and its file stays as it is', async () => {
  await makeConflict('loser');
  await one.app.sync.conflicts.discard(dir, keptAs);
  expect(await one.app.sync.conflicts.list()).toEqual([]);
  expect(await one.app.sync.recoverable.list('trash')).toMatchObject([{ path: file, size: 5 }]);
  expect(await one.read(file)).toBe('winner');
  await expect(one.app.sync.conflicts.discard(dir, keptAs)).rejects.toMatchObject({
    code: 'BAD_PATH',
  });
});
