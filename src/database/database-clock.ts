import type { Connection } from 'mongoose';
import { SyncMediaError } from '../model/errors.js';

/**
 * Reads the time of the database, by which heartbeats are dated. The clocks of hosts differ.
 * @throws NO_CONNECTION if the connection was never opened
 */
export async function readDatabaseClock(connection: Connection): Promise<Date> {
  const { db } = connection;
  if (!db) throw new SyncMediaError('NO_CONNECTION', 'the Mongoose connection is not open yet');
  const answer = await db.command({ hello: 1 }, { readPreference: 'primary' });
  const time: unknown = answer['localTime'];
  return time instanceof Date ? time : new Date();
}
