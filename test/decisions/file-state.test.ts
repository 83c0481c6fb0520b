import { describe, expect, test } from 'vitest';
import { findFileState, isFreshFile } from '../../src/decisions/file-state.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const here = { onCapturingDisk: true },
  elsewhere = { onCapturingDisk: false };
const old = { size: 20, mtime: 900, nanos: 3, sha256: 'bb', version: 'v0', conflicting: false };

test('a file is fresh for a minute after it was written, and with a date to come', () => {
  const now = 1_000_000_000;
  const isFresh = (mtime: number): boolean => isFreshFile({ size: 1, mtime }, now);
  expect([1_000_000, 999_940, 1_000_100].map(isFresh)).toEqual([true, true, true]);
  expect(isFresh(999_939)).toBe(false);
});

describe('the state of a file', () => {
  test('nothing is absent, and without an entry anything is unknown', () => {
    expect(findFileState(fileEntry(), undefined, here)).toBe('absent');
    expect(findFileState(undefined, { size: 1, mtime: 1, nanos: 0 }, here)).toBe('unknown');
  });

  test('size and second decide where they differ', () => {
    const entry = fileEntry({ superseded: [old] });
    expect(findFileState(entry, { size: 11, mtime: 1_000, nanos: 5 }, here)).toBe('unknown');
    expect(findFileState(entry, { size: 20, mtime: 900, nanos: 3 }, here)).toBe('superseded');
    expect(
      findFileState(
        fileEntry({ superseded: [{ ...old, conflicting: true }] }),
        { size: 20, mtime: 900, nanos: 0 },
        elsewhere,
      ),
    ).toBe('conflicting');
  });

  test('a time before 1970 comes as 32 bits over SFTP, and is still that time', () => {
    const entry = fileEntry({
      info: { size: 10, mtime: -5, nanos: 0 },
      superseded: [{ ...old, mtime: -9 }],
    });
    expect(findFileState(entry, { size: 10, mtime: 2 ** 32 - 5, nanos: 0 }, elsewhere)).toBe(
      'current',
    );
    expect(findFileState(entry, { size: 20, mtime: 2 ** 32 - 9, nanos: 0 }, elsewhere)).toBe(
      'superseded',
    );
  });

  test('nanoseconds that a transfer dropped prove nothing; others ask for the content', () => {
    expect(findFileState(fileEntry(), { size: 10, mtime: 1_000, nanos: 0 }, elsewhere)).toBe(
      'current',
    );
    expect(
      findFileState(fileEntry(), { size: 10, mtime: 1_000, nanos: 6 }, elsewhere),
    ).toBeUndefined();
    expect(
      findFileState(fileEntry(), { size: 10, mtime: 1_000, nanos: 6, sha256: 'aa' }, elsewhere),
    ).toBe('current');
    expect(
      findFileState(fileEntry(), { size: 10, mtime: 1_000, nanos: 6, sha256: 'cc' }, elsewhere),
    ).toBe('unknown');
  });

  test('without a known content nanoseconds decide only on the disk that captured it', () => {
    const entry = fileEntry({ info: { size: 10, mtime: 1_000, nanos: 5 } });
    expect(findFileState(entry, { size: 10, mtime: 1_000, nanos: 6 }, here)).toBe('unknown');
    expect(findFileState(entry, { size: 10, mtime: 1_000, nanos: 6 }, elsewhere)).toBe('current');
  });

  test('the content distinguishes two versions of one size and second', () => {
    const entry = fileEntry({ superseded: [{ ...old, size: 10, mtime: 1_000, nanos: 0 }] });
    const seen = { size: 10, mtime: 1_000, nanos: 0 };
    expect(findFileState(entry, seen, here)).toBeUndefined();
    expect(findFileState(entry, { ...seen, sha256: 'bb' }, here)).toBe('superseded');
    expect(findFileState(entry, { ...seen, sha256: 'aa' }, here)).toBe('current');
  });

  test('certainty needs the content even if the file info agrees', () => {
    expect(
      findFileState(fileEntry(), { size: 10, mtime: 1_000, nanos: 5 }, { ...here, surely: true }),
    ).toBeUndefined();
  });

  test('the content identifies the bytes of the current version with another date', () => {
    const entry = fileEntry(),
      seen = { size: 10, mtime: 2_000, nanos: 7 },
      at = { onCapturingDisk: true };
    expect(findFileState(entry, seen, at)).toBeUndefined();
    expect(findFileState(entry, { ...seen, sha256: 'aa' }, at)).toBe('redated');
    expect(findFileState(entry, { ...seen, sha256: 'bb' }, at)).toBe('unknown');
    expect(findFileState(entry, { ...seen, size: 11 }, at)).toBe('unknown');
    expect(findFileState(fileEntry({ info: { size: 10, mtime: 1_000, nanos: 5 } }), seen, at)).toBe(
      'unknown',
    );
    expect(findFileState(tombstoneEntry(), seen, at)).toBe('unknown');
  });

  test('to a tombstone a file is old or unknown', () => {
    const entry = tombstoneEntry({ superseded: [old] });
    expect(findFileState(entry, { size: 20, mtime: 900, nanos: 0 }, elsewhere)).toBe('superseded');
    expect(findFileState(entry, { size: 21, mtime: 900, nanos: 0 }, elsewhere)).toBe('unknown');
  });
});
