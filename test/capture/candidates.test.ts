import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findPathCandidates } from '../../src/capture/candidates.js';
import { isSafePath } from '../../src/replica/paths.js';
import type { Path } from '../../src/model/path.js';

const dirs = ['uploads/photos', 'docs'] as Path[];
const find = (value: string) => findPathCandidates(value, ['/srv/site'], dirs);

describe('findPathCandidates', () => {
  test.each([
    ['as it is', 'uploads/photos/a.jpg', 'uploads/photos/a.jpg'],
    ['with a leading slash', '/uploads/photos/a.jpg', 'uploads/photos/a.jpg'],
    ['with a leading dot', './uploads/photos/a.jpg', 'uploads/photos/a.jpg'],
    ['absolute', '/srv/site/uploads/photos/a.jpg', 'uploads/photos/a.jpg'],
    [
      'as a URL',
      'https://cdn.example.com/uploads/photos/a.jpg?width=100#top',
      'uploads/photos/a.jpg',
    ],
    ['as a URL without protocol', '//cdn.example.com/docs/a.pdf', 'docs/a.pdf'],
    [
      'as a URL with escapes',
      'https://cdn.example.com/uploads/photos/a%20b%C3%A9.jpg',
      'uploads/photos/a bé.jpg',
    ],
    ['percent-encoded', 'uploads/photos/a%20b.jpg', 'uploads/photos/a b.jpg'],
    ['with backslashes', '.\\uploads\\photos\\2024\\a.jpg', 'uploads/photos/2024/a.jpg'],
    ['with backslashes in a URL', 'https://cdn.example.com/docs%5Ca.pdf', 'docs/a.pdf'],
    ['with a query', '/uploads/photos/a.jpg?v=2', 'uploads/photos/a.jpg'],
    ['with odd characters', 'uploads/photos/-a ;$(x)\n"\'.jpg', 'uploads/photos/-a ;$(x)\n"\'.jpg'],
  ])('%s', (_form, value, path) => {
    expect(find(value).direct).toContain(path);
    expect(find(value).unsafe).toBe(false);
  });

  test('relative to each sync dir', () => {
    expect(find('2024/a.jpg')).toEqual({
      direct: [],
      joined: ['uploads/photos/2024/a.jpg', 'docs/2024/a.jpg'],
      unsafe: false,
    });
    expect(find('/a%20b.jpg').joined).toEqual([
      'uploads/photos/a%20b.jpg',
      'docs/a%20b.jpg',
      'uploads/photos/a b.jpg',
      'docs/a b.jpg',
    ]);
  });

  test('the literal spelling comes first', () => {
    expect(find('docs/100%25?.pdf').direct).toEqual([
      'docs/100%25?.pdf',
      'docs/100%25',
      'docs/100%?.pdf',
      'docs/100%',
    ]);
  });

  test.each([
    '../../etc/passwd',
    'uploads/photos/../../../etc/passwd',
    '/srv/site/../../etc/passwd',
    '..%2f..%2fetc%2fpasswd',
    'docs\\..\\..\\etc\\passwd',
    'docs/a\0.pdf',
    '/../x',
  ])('%j is unsafe', (value) => {
    expect(find(value).unsafe).toBe(true);
  });

  test.each([
    '',
    '/',
    '.',
    'docs/',
    'docs//a',
    'docs/.syncmedia/id',
    '%',
    '\ud800',
    'http://',
    'http://[',
    'a'.repeat(5_000),
  ])('%j names no file', (value) => {
    expect(find(value).direct).toEqual([]);
    expect(find(value).joined.filter((path) => !path.includes('%'))).toEqual([]);
  });

  test('any string gives safe paths below the sync dirs', () => {
    const pieces = fc.constantFrom(
      '..',
      '.',
      '/',
      '//',
      '%2e%2e',
      '%2f',
      'docs',
      'uploads/photos',
      '/srv/site',
      'http://h',
      '?',
      '#',
      '\\',
      '\0',
      'a',
      '.syncmedia',
      '%',
      'é',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(pieces, { maxLength: 12 }).map((list) => list.join('')),
        ),
        (value) => {
          const { direct, joined } = find(value);
          for (const path of [...direct, ...joined]) {
            expect(isSafePath(path)).toBe(true);
            expect(dirs.some((dir) => path.startsWith(`${dir}/`))).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
