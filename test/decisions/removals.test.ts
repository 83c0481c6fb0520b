import { expect, test } from 'vitest';
import { areRemovalsSuspicious, computeRecheckDelay } from '../../src/decisions/removals.js';

test.each([
  [{ wanted: 20, lately: 0, files: 20 }, false], // not more than twenty files
  [{ wanted: 21, lately: 0, files: 21 }, true],
  [{ wanted: 25, lately: 0, files: 100 }, false], // not more than a quarter
  [{ wanted: 26, lately: 0, files: 100 }, true],
  [{ wanted: 1, lately: 25, files: 75 }, true], // what went in the same window counts
  [{ wanted: 1, lately: 5, files: 75 }, false],
])('%j: %s', (counts, expected) => {
  expect(areRemovalsSuspicious(counts)).toBe(expected);
});

test('a candidate is checked soon, then ever less often', () => {
  expect([0, 5_000, 600_000].map(computeRecheckDelay)).toEqual([1_000, 5_000, 60_000]);
});
