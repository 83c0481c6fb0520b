import { describe, expect, test } from 'vitest';
import { isRewritten, mustCompareContent } from '../../src/decisions/must-compare-content.js';
import type { LocalFileInfo } from '../../src/model/file.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const savedAt = new Date('2026-01-02T00:00:00Z'),
  hour = 3_600_000;
const seenAt = (changedAt: number): LocalFileInfo => ({
  size: 4,
  mtime: 1_000,
  nanos: 0,
  stamp: `7 ${String(BigInt(changedAt) * 1_000_000n)}`,
});
const fresh = seenAt(savedAt.getTime() - hour),
  old = seenAt(savedAt.getTime() - 48 * hour);
const held = (stamp?: string) =>
  fileEntry({
    heldBy: ['A', 'B'],
    pending: [],
    ...(stamp === undefined ? {} : { stamps: { A: stamp } }),
  });
const named = { me: 'A', why: 'named', savedAt } as const,
  scan = { me: 'A', why: 'scan', savedAt } as const;

describe('a file that a save names, with the size and date of the version', () => {
  test('is read where somebody has touched it since this host knew its content, however long ago', () => {
    for (const seen of [fresh, old])
      expect(mustCompareContent({ ...named, entry: held('another'), info: seen })).toBe(true);
    expect(mustCompareContent({ ...named, entry: held(fresh.stamp), info: fresh })).toBe(false);
  });

  test('is read if this host never knew its content, unless it was untouched for a day: other bytes would be rot', () => {
    expect(mustCompareContent({ ...named, entry: held(), info: fresh })).toBe(true);
    expect(mustCompareContent({ ...named, entry: held(), info: old })).toBe(false);
    expect(
      mustCompareContent({ ...named, entry: held(), info: { size: 4, mtime: 1_000, nanos: 0 } }),
    ).toBe(true);
  });

  test('is read where this host does not hold the version, and under a tombstone', () => {
    expect(
      mustCompareContent({
        ...named,
        entry: fileEntry({ heldBy: ['B'], pending: ['A'] }),
        info: old,
      }),
    ).toBe(true);
    expect(mustCompareContent({ ...named, entry: tombstoneEntry(), info: old })).toBe(true);
  });
});

test('a scan reads only files that it holds and that were touched, up to a limit', () => {
  expect(mustCompareContent({ ...scan, entry: held('another'), info: old })).toBe('sparingly');
  expect(mustCompareContent({ ...scan, entry: held(), info: fresh })).toBe(false);
  expect(
    mustCompareContent({
      ...scan,
      entry: fileEntry({ heldBy: ['B'], pending: ['A'], stamps: { A: 'another' } }),
      info: fresh,
    }),
  ).toBe(false);
});

test('a version without a known content is another one if a save names a file that was touched since', () => {
  const entry = { ...held('another'), info: { size: 4, mtime: 1_000, nanos: 0 } };
  expect(isRewritten({ ...named, entry, info: fresh })).toBe(true);
  expect(isRewritten({ ...scan, entry, info: fresh })).toBe(false);
  expect(
    isRewritten({ ...named, entry: { ...entry, stamps: { A: fresh.stamp ?? '' } }, info: fresh }),
  ).toBe(false);
});
