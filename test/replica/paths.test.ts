import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasErrorCode } from '../../src/model/errors.js';
import { toPathBelow, isSafePath, quotePath, requireSafePath } from '../../src/replica/paths.js';

const unsafe: [why: string, value: string][] = [
  ['empty', ''],
  ['absolute', '/etc/passwd'],
  ['only a slash', '/'],
  ['parent', '..'],
  ['parent first', '../../etc/passwd'],
  ['parent inside', 'uploads/../../etc/passwd'],
  ['parent last', 'uploads/..'],
  ['this directory', './uploads/a'],
  ['this directory inside', 'uploads/./a'],
  ['two slashes', 'uploads//a'],
  ['a slash at the end', 'uploads/'],
  ['NUL', 'uploads/a\0.jpg'],
  ['lone high surrogate', 'uploads/\ud83d.jpg'],
  ['lone low surrogate', 'uploads/\ude00.jpg'],
  ['our own folder', 'uploads/.syncmedia/id'],
  ['our own folder itself', '.syncmedia'],
  ['a name over 255 bytes', `uploads/${'a'.repeat(256)}`],
  ['a name over 255 bytes of fewer letters', `uploads/${'é'.repeat(128)}`],
  ['over 2000 bytes', 'ab/'.repeat(667)],
  ['over 2000 bytes of safe names', `${'abcdefg/'.repeat(250)}a`],
];

const safe = [
  'a',
  'uploads/photos/a.jpg',
  ' uploads / a ',
  'uploads/a\nb',
  'uploads/"\'`$(rm -rf ~);&|<>*?[',
  '-rf/--',
  'uploads/🐢.jpg',
  '...',
  '..a/b..',
  '.syncmedia2/a',
  'a.syncmedia/b',
  'uploads/\ufffd',
  'uploads/\u007f\u0001',
  'c:\\a',
  `uploads/${'a'.repeat(255)}`,
  `${'abcdefg/'.repeat(249)}abcdefgh`,
];

describe('isSafePath and requireSafePath', () => {
  test.each(unsafe)('refuses %s', (_why, value) => {
    expect(isSafePath(value)).toBe(false);
    expect(() => requireSafePath(value)).toThrow(
      expect.objectContaining({
        code: 'BAD_PATH',
        message: expect.stringContaining(quotePath(value)) as string,
      }),
    );
  });

  test.each(safe)('accepts %j as it is', (value) => {
    expect(requireSafePath(value)).toBe(value);
  });

  test('an accepted path, appended to a root, never leaves it', () => {
    const segment = fc.oneof(
      fc.constantFrom('', '.', '..', '.syncmedia', 'a', '-', '\0', '\ud800'),
      fc.string({ unit: 'binary', maxLength: 6 }),
    );
    fc.assert(
      fc.property(
        fc.array(segment, { maxLength: 6 }).map((all) => all.join('/')),
        (value) => {
          if (!isSafePath(value)) return;
          const names = value.split('/');
          expect(names.some((name) => name === '' || name === '.' || name === '..')).toBe(false);
          expect(value).not.toContain('\0');
          expect(Buffer.from(value).toString()).toBe(value);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('accepts every path of honest names, and agrees with isSafePath on any', () => {
    const name = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 60 })
      .filter((text) => !/[/\0]/.test(text) && !['.', '..', '.syncmedia'].includes(text));
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), (names) => {
        expect(isSafePath(names.join('/'))).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        let thrown: unknown;
        try {
          requireSafePath(value);
        } catch (error) {
          thrown = error;
        }
        expect(hasErrorCode(thrown, 'BAD_PATH')).toBe(!isSafePath(value));
      }),
    );
  });
});

describe('toPathBelow', () => {
  test.each([
    ['/srv/app', '/srv/app/uploads/a', 'uploads/a'],
    ['/srv/app/', '/srv/app/uploads/a', 'uploads/a'],
    ['/', '/uploads/a', 'uploads/a'],
    ['/srv/app', '/srv/app', undefined],
    ['/srv/app', '/srv/app/', undefined],
    ['/srv/app', '/srv/application/a', undefined],
    ['/srv/app', '/srv/app/../../etc/passwd', undefined],
    ['/srv/app', '/srv/app//a', undefined],
    ['/srv/app', 'uploads/a', undefined],
    ['/srv/app', '/srv/app/uploads/.syncmedia/id', undefined],
  ])('below %s, %s is %s', (root, absolute, path) => {
    expect(toPathBelow(root, absolute)).toBe(path);
  });
});

test('quotePath keeps a message on one line and short', () => {
  expect(quotePath('a\n"b')).toBe('"a\\n\\"b"');
  expect(quotePath('x'.repeat(5000)).length).toBeLessThan(310);
});
