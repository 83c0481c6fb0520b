import mongoose from 'mongoose';
import { describe, expect, test } from 'vitest';
import { assessWriteError } from '../../src/capture/nothing-written.js';

const { MongoNetworkError, MongoServerError, MongoWriteConcernError, MongoServerSelectionError } =
  mongoose.mongo;
const duplicate = new MongoServerError({ message: 'E11000 duplicate key', code: 11000 });

describe('assessWriteError', () => {
  test.each(['insertOne', 'updateOne', 'findOneAndUpdate'])(
    'a duplicate key proves that nothing was written by %s',
    (method) => {
      expect(assessWriteError(duplicate, { method })).toBe('nothing');
    },
  );

  test('of many documents some may be written before one is a duplicate', () => {
    expect(assessWriteError(duplicate, { method: 'updateMany' })).toBe('unknown');
  });

  test.each<[string, unknown]>([
    ['a network error', new MongoNetworkError('connection 3 to 127.0.0.1:27017 closed')],
    [
      'a server selection error',
      new MongoServerSelectionError('timed out', { error: null } as never),
    ],
    [
      'a write concern error',
      new MongoWriteConcernError({
        writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' },
      } as never),
    ],
    ['another answer of the server', new MongoServerError({ message: 'not primary', code: 10107 })],
    ['what is no error', 'no'],
  ])('%s proves nothing', (_what, error) => {
    expect(assessWriteError(error, { method: 'insertOne' })).toBe('unknown');
  });
});
