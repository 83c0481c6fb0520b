import { describe, expect, test } from 'vitest';
import { requireSafePath } from '../../src/replica/paths.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import type { SyncDir } from '../../src/model/sync-dir.js';

function dir(path: string, ...exclude: string[]): SyncDir {
  return { path: requireSafePath(path), exclude, conflict: 'newer', onDelete: 'keep' };
}

const dirs = new SyncDirs([
  dir('uploads', '*.tmp', '/cache/', 'a/b'),
  dir('uploads/photos', 'thumbs/'),
  dir('media'),
]);

describe('of', () => {
  test.each([
    ['uploads/a.jpg', 'uploads'],
    ['uploads/photos/a.jpg', 'uploads/photos'],
    ['uploads/photos/x/y/a.jpg', 'uploads/photos'],
    ['uploads/photos', 'uploads'],
    ['uploads/photos2/a.jpg', 'uploads'],
    ['media/uploads/photos/a.jpg', 'media'],
    ['uploads', undefined],
    ['other/a.jpg', undefined],
    ['uploadsa/b', undefined],
  ])('%s lies in %s', (path, expected) => {
    expect(dirs.findFor(requireSafePath(path))?.path).toBe(expected);
  });
});

describe('isExcluded', () => {
  test.each([
    ['uploads/a.jpg', false, false],
    ['uploads/a.tmp', false, true],
    ['uploads/x/a.tmp', false, true],
    ['uploads/x.tmp/a.jpg', false, true],
    ['uploads/cache/a.jpg', false, true],
    ['uploads/cache', true, true],
    ['uploads/cache', false, false],
    ['uploads/x/cache/a.jpg', false, false],
    ['uploads/x/a/b', false, true],
    ['uploads/x/a/b/c', false, true],
    // Only the rules of the inner sync dir apply to the files in it.
    ['uploads/photos/a.tmp', false, false],
    ['uploads/photos/thumbs/a.jpg', false, true],
    ['media/a.tmp', false, false],
    ['other/a.jpg', false, true],
    ['uploads', true, true],
  ])('%s, a directory: %s, is %s', (path, isDirectory, expected) => {
    expect(dirs.isExcluded(requireSafePath(path), isDirectory)).toBe(expected);
  });
});

test('byPath knows the sync dirs themselves alone', () => {
  expect(dirs.byPath('uploads/photos')?.exclude).toEqual(['thumbs/']);
  expect(dirs.byPath('uploads/photos/a')).toBeUndefined();
  expect(dirs.list.map(({ path }) => path)).toEqual(['uploads', 'uploads/photos', 'media']);
});

test('a pattern that is none is refused at once', () => {
  expect(() => new SyncDirs([dir('uploads', '+ *.jpg')])).toThrow(
    expect.objectContaining({ code: 'BAD_OPTION' }),
  );
});

test.each([
  ['uploads/x/a.tmp', { why: 'excluded', syncDir: 'uploads', pattern: '*.tmp' }],
  ['uploads/cache/a.jpg', { why: 'excluded', syncDir: 'uploads', pattern: '/cache/' }],
  [
    'uploads/photos/x/thumbs/a.jpg',
    { why: 'excluded', syncDir: 'uploads/photos', pattern: 'thumbs/' },
  ],
  ['elsewhere/a.jpg', { why: 'not synced here' }],
  ['uploads/photos/a.tmp', undefined],
])('why %s is not synced: %j', (path, expected) => {
  expect(dirs.explainUnsynced(requireSafePath(path))).toEqual(expected && { path, ...expected });
});
