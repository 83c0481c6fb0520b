import { expect, test } from 'vitest';
import { PathFinder, type Place } from '../../src/capture/touched-paths.js';
import { SyncDirs } from '../../src/root/sync-dirs.js';
import { resolvePluginOptions } from '../../src/options/plugin-options.js';
import type { Path, Seen } from '../../src/words.js';
import { makeDir } from './site.js';

const seen: Seen = { size: 1, mtime: 1, nanos: 0 };
const options = resolvePluginOptions({ syncDirs: ['near', 'far'] }, 'here');

/** A disk that holds what ends in `.jpg`, and how each path was looked at. */
function makePlace(): { place: Place; looks: string[] } {
  const dirs = new SyncDirs([makeDir('near'), makeDir('far')]), looks: string[] = [];
  const look = (how: string, path: Path): Seen | undefined => {
    looks.push(`${how} ${path}`);
    return path.endsWith('.jpg') && path.split('/').length === 2 ? seen : undefined;
  };
  const root: Place['root'] = {
    rootPath: '/srv/app', isNear: (path) => path.startsWith('near/'), observeNow: (path) => look('now', path), observe: (path) => Promise.resolve(look('in a thread', path)),
  };
  return { place: { root, dirs: () => dirs }, looks };
}

const asStrings = (values: readonly string[]): { value: string; field: string }[] => values.map((value) => ({ value, field: 'file' }));

test('on a disk that is near it looks at once, elsewhere in another thread', async () => {
  const { place, looks } = makePlace();
  const { paths } = await new PathFinder(options, place).listTouched(asStrings(['near/a.jpg', 'far/b.jpg', 'title']));
  expect(paths).toEqual(['near/a.jpg', 'far/b.jpg']);
  expect(looks.sort()).toEqual(['in a thread far/b.jpg', 'in a thread far/title', 'now near/a.jpg', 'now near/title']);
});

test('the second look is at once everywhere, at what named no file before', async () => {
  const { place, looks } = makePlace(), first = new PathFinder(options, place);
  await first.listTouched(asStrings(['far/b.jpg', 'title']));
  looks.length = 0;
  await first.again().listTouched(asStrings(['far/b.jpg', 'title']));
  expect(looks.sort()).toEqual(['now far/title', 'now near/title']);
});

test('no more than 32 strings of a look keep everyone else waiting', async () => {
  const { place, looks } = makePlace();
  const strings = asStrings(Array.from({ length: 40 }, (_, i) => `near/${String(i)}.jpg`));
  await new PathFinder(options, place).listTouched(strings);
  expect(looks.filter((look) => look.startsWith('now'))).toHaveLength(32);
  expect(looks).toHaveLength(40);
});
