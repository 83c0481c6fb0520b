import { expect, test } from 'vitest';
import { createJudging } from '../../src/delivery/judging.js';
import type { AsideBy, Seen } from '../../src/words.js';
import { fileEntry, tombstoneEntry } from '../planning/entries.js';

const old = { size: 80_000_000, mtime: 900, nanos: 0, sha256: 'bb', version: 'v0', lost: false };
const entry = fileEntry({ facts: { size: 90_000_000, mtime: 1_000, nanos: 0, sha256: 'aa' }, superseded: [old] });
const judge = (found: Seen, by: AsideBy, of = entry) =>
  createJudging({ read: () => Promise.resolve(of) })('B', () => ({ version: 'v1', ruled: false }))(of.path, found, by, () => Promise.resolve(undefined));

test('a large old version goes to the trash, whether it was replaced or removed, though it cannot be hashed there', async () => {
  expect(await judge(old, 'replaced')).toBe('trash');
  expect(await judge(old, 'removed', tombstoneEntry({ superseded: [old] }))).toBe('trash');
});

test('a lost one is a conflict', async () => {
  expect(await judge(old, 'replaced', { ...entry, superseded: [{ ...old, lost: true }] })).toBe('conflict');
});

test('what cannot be hashed is never dropped or put back as current', async () => {
  expect(await judge({ size: 90_000_000, mtime: 1_000, nanos: 0 }, 'replaced')).toBe('conflict');
  expect(await judge({ size: 90_000_000, mtime: 1_001, nanos: 0 }, 'replaced')).toBe('conflict');
});
