import { describe, expect, test } from 'vitest';
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatFiles,
  formatSpan,
  showHidden,
} from '../../src/page/format.js';

describe('formats of the page', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [61_022, '61 kB'],
    [2_311_000_000, '2.3 GB'],
    [9_960_000, '10 MB'],
    [82_000_000_000_000, '82 TB'],
  ])('%i bytes read as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test.each([
    [0, '< 1 s'],
    [-3, '< 1 s'],
    [59, '59 s'],
    [724, '12 min'],
    [8_040, '2 h'],
    [200_000, '2 days'],
  ])('%i seconds read as %s', (seconds, text) => {
    expect(formatSpan(seconds)).toBe(text);
  });

  test('an age that is not known is a dash, and one of no seconds is now', () => {
    expect([formatAgo(undefined), formatAgo(0), formatAgo(4)]).toEqual([
      '–',
      'just now',
      '4 s ago',
    ]);
  });

  test('a count that stopped says that there are more', () => {
    expect(formatCount({ count: 10_000, capped: true })).toBe('over 10,000');
    expect([formatFiles(1), formatFiles(2), formatFiles({ count: 1, capped: true })]).toEqual([
      '1 file',
      '2 files',
      'over 1 files',
    ]);
  });

  test('characters that hide or reorder text are shown by their number', () => {
    expect(showHidden('photo\u202egpj.exe')).toBe('photo‹U+202E›gpj.exe');
    expect(showHidden('a\u0000b\n\u200f')).toBe('a‹U+0000›b‹U+000A›‹U+200F›');
    expect(showHidden('Übung – 写真.jpg')).toBe('Übung – 写真.jpg');
  });
});
