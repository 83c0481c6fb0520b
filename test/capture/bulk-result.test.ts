import { expect, test } from 'vitest';
import { type BulkWriteError, refusedAll } from '../../src/capture/bulk-result.js';

const inserts = [{ insertOne: {} }, { insertOne: {} }];
const failedAt = (...indexes: number[]) => Object.assign(new Error('E11000'), { writeErrors: indexes.map((index) => ({ index, code: 11_000 })) }) satisfies BulkWriteError;

test.each<[string, BulkWriteError, object[], boolean, boolean]>([
  ['an ordered call whose first write is refused', failedAt(0), inserts, true, true],
  ['an ordered call whose second is', failedAt(1), inserts, true, false],
  ['an unordered call of which all are', failedAt(0, 1), inserts, false, true],
  ['an unordered call of which one is', failedAt(0), inserts, false, false],
  ['a single error without an array', Object.assign(new Error('E11000'), { writeErrors: { index: 0, code: 11_000 } }), inserts, true, true],
  ['an updateMany, which may have written before', failedAt(0), [{ updateMany: {} }], true, false],
  ['another error', Object.assign(new Error('x'), { writeErrors: [{ index: 0, code: 8_000 }] }), inserts, true, false],
  ['an error without details', new Error('x'), inserts, true, false],
])('whether all writes were refused: %s', (_what, error, writes, ordered, expected) => {
  expect(refusedAll(error, writes, ordered)).toBe(expected);
});
