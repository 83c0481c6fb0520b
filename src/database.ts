import type { Connection, mongo } from 'mongoose';
import { SyncMediaError } from './errors/errors.js';

/**
 * A native collection of the app's own connection. Reads go to the primary and writes to the majority, whatever the app's URI says:
 * a ledger read from a lagging secondary would be decided on twice.
 * @throws NO_CONNECTION where the connection was never opened.
 */
export function nativeCollection<T extends mongo.Document>(connection: Connection, name: string): mongo.Collection<T> {
  const db = connection.db;
  if (!db) throw new SyncMediaError('NO_CONNECTION', 'the Mongoose connection is not open yet: call mongoose.connect() first');
  return db.collection<T>(name, { readPreference: 'primary', writeConcern: { w: 'majority' } });
}

/** Whether MongoDB refused a write because a unique index has the key already (E11000). */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === 11000;
}
