import { expect, test } from 'vitest';
import {
  decodeRsyncName,
  isUnchangedItem,
  parseItemizedLine,
} from '../../../src/transport/rsync/itemized.js';

test.each([
  [
    '<f+++++++++ 12 2026/11/24-15:29:35 a b/c.jpg',
    {
      update: '<',
      type: 'f',
      size: 12,
      mtime: Date.UTC(2026, 10, 24, 15, 29, 35) / 1000,
      name: 'a b/c.jpg',
    },
  ],
  ['>f.st...... 0 1969/12/31-23:59:58 x', { update: '>', mtime: -2, name: 'x' }],
  ['.f          2 2026/11/24-15:29:35 new\\#012line', { update: '.', name: 'new\nline' }],
  ['.d..t...... 4096 2026/11/24-15:29:35 dir/', { type: 'd', name: 'dir/' }],
])('%j', (line, expected) => {
  expect(parseItemizedLine(line)).toMatchObject(expected);
});

test.each([
  '',
  'skipping non-regular file "a"',
  '              2   8%    0.00kB/s    0:00:00 (xfr#1, to-chk=7/9)',
  'sending incremental file list',
  '<f+++++++++ x 2026/11/24-15:29:35 a',
])('%j is no item', (line) => {
  expect(parseItemizedLine(line)).toBeUndefined();
});

test('names come back as the bytes they are', () => {
  expect(decodeRsyncName('\\#303\\#251\\#360\\#237\\#230\\#200')).toBe('é😀');
  expect(decodeRsyncName('back\\#134#101.txt')).toBe('back\\#101.txt');
  expect(decodeRsyncName('plain \\back\\slash')).toBe('plain \\back\\slash');
  expect(decodeRsyncName('\\#377')).toBeUndefined();
});

test('files with equal content, size and time are the same', () => {
  const same = (line: string): boolean => {
    const item = parseItemizedLine(`${line} 2 2026/11/24-15:29:35 a`);
    if (item === undefined) throw new Error(`${line} was no item`);
    return isUnchangedItem(item);
  };
  expect(same('.f         ')).toBe(true);
  expect(same('.f...p.....')).toBe(true);
  for (const line of ['.f..t......', '>fc........', '<f+++++++++', '<fcst......'])
    expect(same(line)).toBe(false);
});
