import type { Connection, mongo } from 'mongoose';
import { SyncMediaError } from '../model/errors.js';
import { Batcher, type BatchResult } from './batcher.js';

/**
 * Returns a native collection of the app's own connection, as it is open now.
 *
 * @throws NO_CONNECTION if the connection was never opened
 */
export function getNativeCollection<T extends mongo.Document>(
  connection: Connection,
  name: string,
): mongo.Collection<T> {
  const db = connection.db;
  if (!db)
    throw new SyncMediaError(
      'NO_CONNECTION',
      'the Mongoose connection is not open yet: call mongoose.connect() first',
    );
  return getCollection<T>(db, name);
}

/**
 * Reads go to the primary and writes to the majority, whatever the app's URI says. A ledger that
 * is read from a lagging secondary would lead to a second decision.
 */
export function getCollection<T extends mongo.Document>(
  db: mongo.Db,
  name: string,
): mongo.Collection<T> {
  return db.collection<T>(name, { readPreference: 'primary', writeConcern: { w: 'majority' } });
}

/**
 * Makes a filter for a value that was read from a field. Without `$eq`, an object with a `$`
 * would be an operator. A missing value and null are the same.
 */
export function matchReadValue(value: unknown): object {
  return { $eq: value ?? null };
}

/** Whether MongoDB refused a write because a unique index already has the key (E11000). */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === 11000;
}

/**
 * Whether an index cannot be built because a row has arrays in two of its fields
 * (CannotIndexParallelArrays).
 */
export function isUnindexable(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === 171;
}

/** Whether MongoDB ended an operation because it took longer than its `maxTimeMS`. */
export function isTimeLimitExceeded(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === 50;
}

interface BulkError {
  readonly writeErrors?: unknown;
  readonly result?: { getWriteConcernError?(): unknown };
}
/** A write of a list that the server refused. */
interface BulkWriteError {
  readonly index: number;
  readonly code: number;
  readonly errmsg?: string;
}

/**
 * Batches inserts that arrive while others are under way. Each gets its own answer: a document
 * that a unique index refuses keeps no other out.
 */
export function batchInserts<T extends mongo.Document>(
  collection: () => Pick<mongo.Collection<T>, 'insertOne' | 'insertMany'>,
  options: mongo.BulkWriteOptions = {},
): Batcher<mongo.OptionalUnlessRequiredId<T>, void> {
  return new Batcher(
    async (documents) => {
      const [only] = documents,
        rows = collection();
      if (only !== undefined && documents.length === 1) {
        await rows.insertOne(only, options);
        return [{ result: undefined }];
      }
      try {
        await rows.insertMany(documents, { ...options, ordered: false });
        return documents.map(() => ({ result: undefined }));
      } catch (error) {
        return answerEach(documents, error);
      }
    },
    { items: 500, calls: 2 },
  );
}

/**
 * Batches updates of different rows that arrive while others are under way. Each gets its own
 * answer: one that the server refuses keeps no other out.
 */
export function batchUpdates<T extends mongo.Document>(
  collection: () => Pick<mongo.Collection<T>, 'bulkWrite'>,
): Batcher<mongo.UpdateOneModel<T>, void> {
  return new Batcher(
    async (updates) => {
      try {
        await collection().bulkWrite(
          updates.map((updateOne) => ({ updateOne })),
          { ordered: false },
        );
        return updates.map(() => ({ result: undefined }));
      } catch (error) {
        return answerEach(updates, error);
      }
    },
    { items: 500, calls: 2 },
  );
}

/** @throws the error itself if it does not say which writes were carried out */
function answerEach(writes: readonly unknown[], error: unknown): BatchResult<void>[] {
  const refused = findWriteErrors(error);
  if (refused === undefined) throw error;
  return writes.map((_, index) => {
    const why = refused.find((one) => one.index === index);
    return why === undefined
      ? { result: undefined }
      : {
          error: Object.assign(new Error(why.errmsg ?? 'the write was refused'), {
            code: why.code,
          }),
        };
  });
}

/**
 * Whether the server refused some of an unordered list of writes because of their rows, and
 * carried out the others.
 */
export function isPartlyRefused(error: unknown): boolean {
  return findWriteErrors(error) !== undefined;
}

/**
 * Whether the primary carried out the write, but the majority has not confirmed it within
 * `wtimeoutMS`, or cannot.
 */
export function isUnconfirmed(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === 'MongoWriteConcernError') return true;
  if (error.name !== 'MongoBulkWriteError') return false;
  const { writeErrors, result } = error as BulkError;
  const wasRefused = Array.isArray(writeErrors)
    ? writeErrors.length > 0
    : writeErrors !== undefined;
  return !wasRefused && result?.getWriteConcernError?.() !== undefined;
}

/**
 * Lists which of an unordered list of writes the server refused. Undefined after any other
 * failure, since nobody knows then what was written.
 */
export function findWriteErrors(error: unknown): readonly BulkWriteError[] | undefined {
  if (!(error instanceof Error) || error.name !== 'MongoBulkWriteError') return undefined;
  const { writeErrors, result } = error as BulkError;
  if (result?.getWriteConcernError?.() !== undefined) return undefined;
  const list = (Array.isArray(writeErrors) ? writeErrors : [writeErrors]) as BulkWriteError[];
  return list.length > 0 && list.every((one) => Number.isInteger(one?.index)) ? list : undefined;
}
