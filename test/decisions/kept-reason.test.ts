import { expect, test } from 'vitest';
import { explainConflict, mayBeSameBytes } from '../../src/decisions/kept-reason.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const kept = { size: 9, mtime: 900 };

test('a conflict says why it was kept', () => {
  expect(explainConflict(undefined, kept)).toBe('the ledger does not know the path');
  expect(explainConflict(fileEntry(), kept)).toBe('bytes that the ledger does not know');
  expect(explainConflict(tombstoneEntry(), kept)).toBe('other bytes than those that were deleted');
  for (const [conflicting, why] of [
    [true, 'saved on two hosts at once'],
    [false, 'an older version'],
  ] as const)
    expect(
      explainConflict(fileEntry({ superseded: [{ ...kept, version: 'v0', conflicting }] }), kept),
    ).toBe(why);
});

test('only a file of the same size as a version with a known content may have its bytes', () => {
  expect(mayBeSameBytes(fileEntry(), 10)).toBe(true);
  expect(mayBeSameBytes(fileEntry(), 11)).toBe(false);
  expect(mayBeSameBytes(fileEntry({ info: { size: 10, mtime: 1, nanos: 0 } }), 10)).toBe(false);
  expect(mayBeSameBytes(tombstoneEntry(), 10)).toBe(false);
  expect(mayBeSameBytes(undefined, 10)).toBe(false);
});
