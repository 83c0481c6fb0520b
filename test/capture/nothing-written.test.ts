import mongoose from 'mongoose';
import { describe, expect, test } from 'vitest';
import { provesNothingWritten } from '../../src/capture/nothing-written.js';

const { MongoNetworkError, MongoServerError, MongoWriteConcernError, MongoServerSelectionError } = mongoose.mongo;

describe('provesNothingWritten', () => {
  test.each<[string, unknown]>([
    ['a validation error', new mongoose.Error.ValidationError()],
    ['a duplicate key', new MongoServerError({ message: 'E11000 duplicate key', code: 11000 })],
    ['an error of a hook', new TypeError('x is undefined')],
    ['a string a hook threw', 'no'],
  ])('%s does, before the write', (_what, error) => {
    expect(provesNothingWritten(error, false)).toBe(true);
    expect(provesNothingWritten(error, true)).toBe(false);
  });

  test.each<[string, unknown]>([
    ['a network error', new MongoNetworkError('connection 3 to 127.0.0.1:27017 closed')],
    ['a server selection error', new MongoServerSelectionError('timed out', { error: null } as never)],
    ['a write concern error', new MongoWriteConcernError({ writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } } as never)],
    ['one that a hook wrapped', new Error('try again later', { cause: new MongoNetworkError('closed') })],
    ['another answer of the server', new MongoServerError({ message: 'not primary', code: 10107 })],
    ['a buffered operation that timed out', new mongoose.Error('Operation `photos.insertOne()` buffering timed out after 10000ms')],
  ])('%s does not', (_what, error) => {
    expect(provesNothingWritten(error, false)).toBe(false);
  });
});
