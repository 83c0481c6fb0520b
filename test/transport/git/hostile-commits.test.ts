import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatDay } from '../../../src/model/clock.js';
import type { RecordRequest } from '../../../src/model/history.js';
import { requireSafePath } from '../../../src/replica/paths.js';
import { findVersionsAt } from '../../../src/transport/git/find-at.js';
import { forgetPaths } from '../../../src/transport/git/forget.js';
import { findRevisions, listVersions } from '../../../src/transport/git/list.js';
import { makeTreeName } from '../../../src/transport/git/names.js';
import { never, photos } from '../site.js';
import { makeRepositorySite, type RepositorySite } from './site.js';

/** The time of a request after everything that a test has recorded. */
const later = new Date(Date.now() + 60 * 60_000);

let site: RepositorySite, cat: RecordRequest;
beforeEach(async () => {
  site = await makeRepositorySite();
  cat = await site.save('cat.jpg', 'cat', 'v1');
  await site.record([cat]);
});
afterEach(async () => {
  await site.git('fsck', '--strict', '--no-dangling');
  await site.close();
});

const git = async (args: readonly string[], input: string): Promise<string> => {
  const options = { signal: never, doing: 'testing', input };
  return (await site.repository.run(args, options)).output.toString().trim();
};
const writeTree = (entries: readonly string[]): Promise<string> =>
  git(['mktree', '--missing'], entries.map((entry) => `${entry}\n`).join(''));

/** A day of another host, with one commit of this tree. */
async function writeForeignDay(tree: string, message: string, zone = '+0000'): Promise<void> {
  const seconds = Math.floor(Date.now() / 1000);
  const person = `somebody <> ${String(seconds)} ${zone}`;
  const commit = await git(
    ['hash-object', '-t', 'commit', '-w', '--stdin'],
    `tree ${tree}\nauthor ${person}\ncommitter ${person}\n\n${message}`,
  );
  await git(['update-ref', `refs/heads/host-x/${formatDay(new Date())}.00000000`, commit], '');
}

/** A tree with a name, whose parents have no other entry. */
async function nest(name: string, entry: (last: string) => string): Promise<string> {
  const [last = '', ...parents] = name.split('/').reverse();
  let tree = await writeTree([entry(last)]);
  for (const parent of parents) tree = await writeTree([`040000 tree ${tree}\t${parent}`]);
  return tree;
}

function describe({ path, version, at, info }: RecordRequest): string {
  const fields = { path, version, as: 'stored', at, ...info };
  return `\nSyncmedia-Version: ${JSON.stringify(fields)}\n`;
}

test('a tree of few bytes with a million names stops neither reading, recording nor forgetting', async () => {
  const { repository } = site;
  const blob = await git(['hash-object', '-w', '--stdin'], '');
  const digits = Array.from({ length: 10 }, (_, digit) => String(digit));
  let bomb = await writeTree(digits.map((digit) => `100644 blob ${blob}\t${digit}`));
  for (let level = 1; level < 6; level++)
    bomb = await writeTree(digits.map((digit) => `040000 tree ${bomb}\t${digit}`));
  const name = makeTreeName({ ...cat, as: 'stored' });
  await writeForeignDay(await nest(name, (last) => `040000 tree ${bomb}\t${last}`), 'no version');

  const versions = await listVersions(repository, cat.path, 10, never);
  expect(versions.map(({ version }) => version)).toEqual(['v1']);
  const found = await findVersionsAt(repository, [cat.path], later, never);
  expect(found.get(cat.path)?.version).toBe('v1');
  const next = await site.save('cat.jpg', 'another cat', 'v2');
  expect(await site.record([{ ...next, replaces: 'v1' }])).toEqual([]);
  expect(await forgetPaths(repository, [{ path: cat.path, at: later }], never)).toBe(true);
  expect(await listVersions(repository, cat.path, 10, never)).toEqual([]);
});

test('a path is forgotten although another host dated its records in a zone that fast-import refuses', async () => {
  const dog = { ...cat, path: requireSafePath(`${photos.path}/dog.jpg`) };
  const version = await writeTree([
    `100644 blob ${await git(['hash-object', '-w', '--stdin'], 'cat')}\tx1`,
  ]);
  const names = await writeTree(
    ['cat.jpg', 'dog.jpg'].map((name) => `040000 tree ${version}\t${name}`),
  );
  await writeForeignDay(
    await nest(`files/${photos.path}`, (last) => `040000 tree ${names}\t${last}`),
    [cat, dog].map((one) => describe({ ...one, version: 'x1' })).join(''),
    '+9999',
  );
  // git takes it, also from another host.
  await site.git('fsck', '--strict');
  const list = async ({ path }: RecordRequest): Promise<string[]> =>
    (await listVersions(site.repository, path, 10, never)).map((one) => one.version).sort();
  expect(await list(cat)).toEqual(['v1', 'x1']);
  expect(await forgetPaths(site.repository, [{ path: cat.path, at: later }], never)).toBe(true);
  expect([await list(cat), await list(dog)]).toEqual([[], ['x1']]);
});

test('a revision that somebody noted names its version also once that was recorded again', async () => {
  const yesterday = new Date(Date.now() - 24 * 60 * 60_000);
  const dog = await site.save('dog.jpg', 'dog', 'd1');
  await site.record([dog], yesterday);
  const [noted] = await listVersions(site.repository, dog.path, 10, never);
  const next = await site.save('dog.jpg', 'another dog', 'd2');
  await site.record([{ ...next, replaces: 'd1' }]);
  const versions = await listVersions(site.repository, dog.path, 10, never);
  expect(versions.map(({ version }) => version).sort()).toEqual(['d1', 'd2']);
  // It has a newer revision by now.
  expect(versions.map(({ revision }) => revision)).not.toContain(noted!.revision);
  const found = await findRevisions(site.repository, dog.path, noted!.revision.slice(0, 12), never);
  expect(found).toEqual([noted]);
});
