import { afterEach, beforeEach, expect, test } from 'vitest';
import { requireSafePath } from '../../../src/replica/paths.js';
import { findVersionsAt } from '../../../src/transport/git/find-at.js';
import { readVersion } from '../../../src/transport/git/list.js';
import type { Path } from '../../../src/model/path.js';
import { never, photos } from '../site.js';
import { hostileNames, makeRepositorySite, readAll, type RepositorySite } from './site.js';

let site: RepositorySite;
beforeEach(async () => {
  site = await makeRepositorySite({ maxFileBytes: 100 });
});
afterEach(() => site.close());

const pathOf = (name: string): Path => requireSafePath(`${photos.path}/${name}`);
const at = (milliseconds: number): Date => new Date(1_790_000_000_000 + milliseconds);
const find = (names: readonly string[], milliseconds: number) =>
  findVersionsAt(site.repository, names.map(pathOf), at(milliseconds), never);

async function record(name: string, version: string, milliseconds: number): Promise<void> {
  const saved = await site.save(name, version, version);
  await site.record([{ ...saved, at: at(milliseconds) }]);
}

test('finds the version of each path that was current at a time, to the millisecond', async () => {
  await record('a.jpg', 'a1', 0);
  await record('b.jpg', 'b1', 100);
  await record('a.jpg', 'a2', 1_000);
  await record('a.jpg', 'a3', 1_500);
  await record('a.jpg', 'a4', 3_000);
  const versionsAt = async (milliseconds: number): Promise<Record<string, string>> =>
    Object.fromEntries(
      [...(await find(['a.jpg', 'b.jpg', 'c.jpg'], milliseconds))].map(([path, { version }]) => [
        path.slice(photos.path.length + 1),
        version,
      ]),
    );
  expect(await versionsAt(-1)).toEqual({});
  expect(await versionsAt(0)).toEqual({ 'a.jpg': 'a1' });
  expect(await versionsAt(1_499)).toEqual({ 'a.jpg': 'a2', 'b.jpg': 'b1' });
  expect(await versionsAt(1_500)).toEqual({ 'a.jpg': 'a3', 'b.jpg': 'b1' });
  expect(await versionsAt(9_999)).toEqual({ 'a.jpg': 'a4', 'b.jpg': 'b1' });
});

test('the order of recording does not matter', async () => {
  await record('a.jpg', 'late', 5_000);
  await record('a.jpg', 'early', 1_000);
  expect((await find(['a.jpg'], 2_000)).get(pathOf('a.jpg'))?.version).toBe('early');
  expect((await find(['a.jpg'], 6_000)).get(pathOf('a.jpg'))?.version).toBe('late');
});

test('tells removals and files of which only the hash is kept', async () => {
  await record('a.jpg', 'a1', 0);
  await site.record([{ path: pathOf('a.jpg'), version: 'a2', at: at(2_000) }]);
  const large = await site.save('large.jpg', 'x'.repeat(101), 'l1');
  await site.record([{ ...large, at: at(1_000) }]);
  const found = await find(['a.jpg', 'large.jpg'], 3_000);
  expect([...found.values()].map(({ as }) => as).sort()).toEqual(['named', 'removed']);
});

test('hostile names are found, and only those that were asked for', async () => {
  for (const name of hostileNames) await record(name, 'v1', 0);
  const found = await find(hostileNames, 1_000);
  expect([...found.keys()].sort()).toEqual(hostileNames.map(pathOf).sort());
  const [one] = await find(['*'], 1_000);
  expect([one?.[0], (await find(['*'], 1_000)).size]).toEqual([pathOf('*'), 1]);
});

test('more versions than are read at once are walked through, and the bytes can be read', async () => {
  for (let round = 0; round < 7; round++)
    await site.record(
      await Promise.all(
        Array.from({ length: 100 }, async (_, index) => ({
          ...(await site.save(
            `${String(index)}.jpg`,
            `round ${String(round)}`,
            `v${String(round)}`,
          )),
          // Each version has a second of its own, and so a commit.
          at: at(round * 200_000 + index * 1_000),
        })),
      ),
    );
  const names = Array.from({ length: 100 }, (_, index) => `${String(index)}.jpg`);
  const found = await find(names, 3 * 200_000 - 1);
  expect(found.size).toBe(100);
  expect(new Set([...found.values()].map(({ version }) => version))).toEqual(new Set(['v2']));
  const one = found.get(pathOf('7.jpg'));
  expect((await readAll(readVersion(site.repository, one!, never))).toString()).toBe('round 2');
});
