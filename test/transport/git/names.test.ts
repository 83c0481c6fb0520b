import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  escapePath,
  makeTreeName,
  quoteName,
  unescapePath,
} from '../../../src/transport/git/names.js';
import { hostileNames } from './site.js';

describe('escapePath', () => {
  test('can be undone for every hostile name', () => {
    for (const name of hostileNames)
      expect(unescapePath(escapePath(`uploads/${name}`))).toBe(`uploads/${name}`);
  });

  test('can be undone for any path', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (path) => {
        expect(unescapePath(escapePath(path))).toBe(path);
      }),
    );
  });

  test('leaves no segment that begins with a dot, or that NTFS could take for one of git', () => {
    for (const name of hostileNames)
      for (const segment of escapePath(name).split('/')) {
        expect(segment).not.toMatch(/^\./);
        expect(segment).not.toMatch(/^gi.*~/i);
      }
  });

  test('leaves ordinary names as they are', () => {
    expect(escapePath('uploads/été 1.jpg')).toBe('uploads/été 1.jpg');
  });
});

test('a version of a path is no version of a longer path', () => {
  expect(makeTreeName({ path: 'a/b', version: 'v1', as: 'stored' })).toBe('files/a/b/v1');
  expect(makeTreeName({ path: 'a', version: 'v1', as: 'removed' })).toBe('removed/a/v1');
});

test('a quoted name is one line without a bare quote', () => {
  expect(quoteName('a"b\\c\nd')).toBe('"a\\"b\\\\c\\nd"');
});
