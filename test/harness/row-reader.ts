import type { Connection } from 'mongoose';
import { getNativeCollection } from '../../src/util/collections.js';
import { UnreadableRows } from '../../src/database/unreadable-rows.js';

/** Moves unreadable rows into the collection `unreadable` of the test's database. */
export function makeRowReader(connection: Connection): UnreadableRows {
  return new UnreadableRows(() => getNativeCollection(connection, 'unreadable'), {
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  });
}
