import { describe, expect, test } from 'vitest';
import { readUpdateResult, readFindResult } from '../../src/capture/query-result.js';

const nothing = { nothingWritten: true, written: 0, ids: [] };

describe('readUpdateResult', () => {
  test.each<[string, unknown, ReturnType<typeof readUpdateResult>]>([
    [
      'an update',
      { acknowledged: true, matchedCount: 2, modifiedCount: 0, upsertedId: null },
      { nothingWritten: false, written: 2, ids: [] },
    ],
    ['an update of nothing', { acknowledged: true, matchedCount: 0, upsertedId: null }, nothing],
    [
      'an upsert',
      { acknowledged: true, matchedCount: 0, upsertedId: 7 },
      { nothingWritten: false, written: 1, ids: [7] },
    ],
    [
      'a delete',
      { acknowledged: true, deletedCount: 3 },
      { nothingWritten: false, written: 3, ids: [] },
    ],
    ['a delete of nothing', { acknowledged: true, deletedCount: 0 }, nothing],
    [
      'an unacknowledged write',
      { acknowledged: false, matchedCount: 0 },
      { nothingWritten: false, written: 0, ids: [] },
    ],
    ['a query that was skipped', undefined, nothing],
  ])('%s', (_what, result, expected) => {
    expect(readUpdateResult(result)).toEqual(expected);
  });
});

describe('readFindResult', () => {
  test.each<[string, unknown, Record<string, unknown>, ReturnType<typeof readFindResult>]>([
    ['a document', { _id: 1, file: 'a' }, {}, { nothingWritten: false, written: 1, ids: [1] }],
    [
      'a document without its id',
      { file: 'a' },
      {},
      { nothingWritten: false, written: 1, ids: [] },
    ],
    ['none', null, {}, nothing],
    ['none of an upsert', null, { upsert: true }, { nothingWritten: false, written: 1, ids: [] }],
    [
      'a document with metadata',
      { value: { _id: 1 }, lastErrorObject: { updatedExisting: true, n: 1 } },
      { includeResultMetadata: true },
      { nothingWritten: false, written: 1, ids: [1] },
    ],
    [
      'none with metadata',
      { value: null, lastErrorObject: { updatedExisting: false, n: 0 } },
      { includeResultMetadata: true },
      nothing,
    ],
    [
      'an upsert with metadata',
      { value: null, lastErrorObject: { upserted: 5 } },
      { includeResultMetadata: true, upsert: true },
      { nothingWritten: false, written: 1, ids: [5] },
    ],
    [
      'a document with fields of these names',
      { _id: 1, value: 2, lastErrorObject: 3 },
      {},
      { nothingWritten: false, written: 1, ids: [1] },
    ],
  ])('%s', (_what, result, options, expected) => {
    expect(readFindResult(result, options)).toEqual(expected);
  });
});
