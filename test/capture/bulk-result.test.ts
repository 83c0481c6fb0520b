import { expect, test } from 'vitest';
import { assessBulkError } from '../../src/capture/bulk-result.js';
import type { WriteEffect } from '../../src/capture/nothing-written.js';

const inserts = [{ insertOne: {} }, { insertOne: {} }];
const fail = (writeErrors?: unknown) =>
  Object.assign(new Error('E11000'), {
    name: 'MongoBulkWriteError',
    ...(writeErrors !== undefined && { writeErrors }),
  });
const failedAt = (...indexes: number[]) => fail(indexes.map((index) => ({ index, code: 11_000 })));

test.each<[string, unknown, object[], boolean, WriteEffect]>([
  ['an ordered call whose first write is refused', failedAt(0), inserts, true, 'nothing'],
  ['an ordered call whose second is', failedAt(1), inserts, true, 'written'],
  ['an unordered call of which all are', failedAt(0, 1), inserts, false, 'nothing'],
  ['an unordered call of which one is', failedAt(0), inserts, false, 'written'],
  ['a single error without an array', fail({ index: 0, code: 11_000 }), inserts, true, 'nothing'],
  [
    'an updateMany, which may have written before',
    failedAt(0),
    [{ updateMany: {} }],
    true,
    'written',
  ],
  ['another write error', fail([{ index: 0, code: 8_000 }]), inserts, true, 'written'],
  ['one without details', fail(), inserts, true, 'written'],
  [
    'an error of the connection',
    Object.assign(new Error('closed'), { name: 'MongoNetworkError' }),
    inserts,
    true,
    'unknown',
  ],
])('reads the written documents of several: %s', (_what, error, writes, ordered, expected) => {
  expect(assessBulkError(error, writes, ordered)).toBe(expected);
});
