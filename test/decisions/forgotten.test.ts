import { expect, test } from 'vitest';
import { supersededLimit } from '../../src/decisions/entries.js';
import { findDowntime, mayBeForgotten } from '../../src/decisions/forgotten.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const at = (seconds: number): Date => new Date(seconds * 1_000);
const superseded = Array.from({ length: supersededLimit }, (_, i) => ({
  size: 100 + i,
  mtime: 1_000 + i,
  version: `old ${i}`,
  conflicting: false,
}));
const entry = fileEntry({ superseded, capturedAt: at(5_000) });
/** A file that came at 7,000 s, and a downtime around that. */
const came = (seconds: number): string => `7 ${String(seconds)}000000000`;
const info = { size: 1, mtime: 999, nanos: 0, stamp: came(7_000) };
const downtime = { since: at(6_900), until: at(7_100) };

test('a file older than all remembered versions that came during the downtime may be forgotten', () => {
  expect(mayBeForgotten(entry, info, downtime)).toBe(true);
  expect(mayBeForgotten(entry, { ...info, mtime: 1_000 }, downtime)).toBe(false);
  expect(mayBeForgotten({ ...entry, superseded: superseded.slice(1) }, info, downtime)).toBe(false);
  expect(mayBeForgotten(tombstoneEntry({ superseded }), info, downtime)).toBe(false);
  expect(mayBeForgotten(undefined, info, downtime)).toBe(false);
});

test('a file that came while a leader worked is an upload', () => {
  for (const seconds of [6_000, 6_899, 7_100, 8_000])
    expect(mayBeForgotten(entry, { ...info, stamp: came(seconds) }, downtime)).toBe(false);
  expect(mayBeForgotten(entry, { size: 1, mtime: 999, nanos: 0 }, downtime)).toBe(false);
});

test('a file that lay there before the current version was captured comes from a snapshot', () => {
  expect(mayBeForgotten(entry, { ...info, stamp: came(4_000) }, downtime)).toBe(true);
  // The clock of the host that captured the version may be ahead.
  expect(mayBeForgotten(entry, { ...info, stamp: came(4_970) }, downtime)).toBe(false);
});

test('a downtime begins with the last sign of work', () => {
  const scans = { a: { all: at(10), changed: at(30) }, b: { all: at(20), changed: at(25) } };
  expect(findDowntime({ lastSeenAt: at(28), scans }, at(50))).toEqual({
    since: at(30),
    until: at(50),
  });
  expect(findDowntime({ lastSeenAt: at(40), scans }, at(50)).since).toEqual(at(40));
  expect(findDowntime({}, at(50)).since).toEqual(at(0));
  expect(findDowntime({ lastSeenAt: at(60) }, at(50)).since).toEqual(at(50));
});
