import { expect, test } from 'vitest';
import { PathFinder, type PathContext } from '../../src/capture/touched-paths.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import { resolvePluginOptions } from '../../src/config/plugin-options.js';
import type { Path } from '../../src/model/path.js';
import type { LocalFileInfo } from '../../src/model/file.js';
import { makeDir } from './site.js';

const seen: LocalFileInfo = { size: 1, mtime: 1, nanos: 0 };
const options = resolvePluginOptions({ syncDirs: ['near', 'far'] }, 'here');

/** A disk that holds these paths, and how each path was looked at. */
function makePlace(files: readonly string[]): {
  place: PathContext;
  looks: string[];
  files: Set<string>;
} {
  const dirs = new SyncDirs([makeDir('near'), makeDir('far')]),
    looks: string[] = [],
    held = new Set(files);
  const look = (how: string, path: Path): LocalFileInfo | undefined => {
    looks.push(`${how} ${path}`);
    return held.has(path) ? seen : undefined;
  };
  const replica: PathContext['replica'] = {
    isOnLocalDisk: (path) => path.startsWith('near/'),
    observeSynchronously: (path) => look('now', path),
    observe: (path) => Promise.resolve(look('in a thread', path)),
    hasFile: (path) => Promise.resolve(held.has(path)),
  };
  return {
    place: { replica, rootPaths: () => ['/srv/app'], dirs: () => dirs },
    looks,
    files: held,
  };
}

const asStrings = (values: readonly string[]): { value: string; field: string }[] =>
  values.map((value) => ({ value, field: 'file' }));

test('examines a local disk at once, and any other disk in another thread', async () => {
  const { place, looks } = makePlace(['near/a.jpg', 'far/b.jpg']);
  const { paths } = await new PathFinder(options, place).listTouched(
    asStrings(['a.jpg', 'b.jpg', 'title']),
  );
  expect(paths).toEqual(['near/a.jpg', 'far/b.jpg']);
  expect(looks.sort()).toEqual([
    'in a thread far/a.jpg',
    'in a thread far/b.jpg',
    'in a thread far/title',
    'now near/a.jpg',
    'now near/b.jpg',
    'now near/title',
  ]);
});

test('the second look is at once everywhere, at paths that were no files before', async () => {
  const { place, looks, files } = makePlace(['far/b.jpg']),
    first = new PathFinder(options, place);
  await first.listTouched(asStrings(['b.jpg', 'title']));
  looks.length = 0;
  files.add('near/b.jpg');
  expect(
    (await first.prepareSecondLookup().listTouched(asStrings(['b.jpg', 'title']))).paths,
  ).toEqual(['near/b.jpg', 'far/b.jpg']);
  expect(looks.sort()).toEqual(['now far/title', 'now near/b.jpg', 'now near/title']);
});

test('a look holds up others for at most 32 strings', async () => {
  const { place, looks } = makePlace([]);
  const strings = asStrings(Array.from({ length: 40 }, (_, i) => `${String(i)}.jpg`));
  await new PathFinder(options, place).listTouched(strings);
  expect(looks.filter((look) => look.startsWith('now'))).toHaveLength(32);
  expect(looks).toHaveLength(80);
});

test('a string names every file that it can mean: in each sync dir, and below the root', async () => {
  const { place } = makePlace([
    'near/42.png',
    'far/42.png',
    'near/near/a.jpg',
    'near/a.jpg',
    'near/a%20b.jpg',
    'near/a b.jpg',
  ]);
  const finder = new PathFinder(options, place);
  expect((await finder.listTouched(asStrings(['42.png']))).paths).toEqual([
    'near/42.png',
    'far/42.png',
  ]);
  expect((await finder.listTouched(asStrings(['near/a.jpg']))).paths).toEqual([
    'near/a.jpg',
    'near/near/a.jpg',
  ]);
  expect((await finder.listTouched(asStrings(['/near/a%20b.jpg']))).paths).toEqual([
    'near/a%20b.jpg',
    'near/a b.jpg',
  ]);
});

test('other paths that it may mean are reported, for queries to other hosts', async () => {
  const { place } = makePlace(['near/42.png']);
  expect(await new PathFinder(options, place).listTouched(asStrings(['42.png']))).toMatchObject({
    paths: ['near/42.png'],
    absent: ['far/42.png'],
  });
});

test('where `paths` says so, a file is expected in each sync dir that has none', async () => {
  const asked = resolvePluginOptions({ syncDirs: ['near', 'far'], paths: 'file' }, 'here'),
    { place } = makePlace(['near/42.png']);
  const finder = new PathFinder(asked, place);
  expect((await finder.listTouched(asStrings(['42.png']))).paths).toEqual([
    'near/42.png',
    'far/42.png',
  ]);
  expect((await finder.listTouched(asStrings(['near/42.png']))).paths).toEqual(['near/42.png']);
  expect((await finder.listTouched(asStrings(['near/new.png']))).paths).toEqual(['near/new.png']);
});

test('every path that a string may have meant may be lost, whichever files still exist', () => {
  const { place } = makePlace(['near/42.png']);
  expect(new PathFinder(options, place).listUnreferenced(['42.png'])).toEqual([
    'near/42.png',
    'far/42.png',
  ]);
});
