import { randomUUID } from 'node:crypto';
import type { Connection, mongo } from 'mongoose';
import { isDuplicateKey, getNativeCollection } from '../util/collections.js';
import { SyncMediaError } from '../model/errors.js';
import type { HostId } from '../model/host.js';
import { isNumber, isText, listMisfits, isOptional } from '../model/row-shapes.js';
import type { HostState } from '../state-dir/state.js';

const DATABASE_FORMAT = 1;
const metaShape = { format: isNumber, databaseId: isText, firstHost: isOptional(isText) };

/** The one document of the meta collection. */
export interface DatabaseMeta {
  _id: 'syncmedia';
  format: number;
  databaseId: string;
  firstHost?: HostId;
}

export function getMetaCollection(
  connection: Connection,
  prefix: string,
): mongo.Collection<DatabaseMeta> {
  return getNativeCollection<DatabaseMeta>(connection, `${prefix}meta`);
}

/**
 * Reads the id of this database. The first host that asks creates it.
 * @throws FORMAT_TOO_NEW
 */
export async function claimDatabaseId(meta: mongo.Collection<DatabaseMeta>): Promise<string> {
  for (let tries = 1; ; tries++) {
    try {
      const made = { format: DATABASE_FORMAT, databaseId: randomUUID() };
      const found = await meta.findOneAndUpdate(
        { _id: 'syncmedia' },
        { $setOnInsert: made },
        { upsert: true, returnDocument: 'after', includeResultMetadata: false },
      );
      return requireKnownFormat(found).databaseId;
    } catch (error) {
      // Two upserts of one key may collide. The next try then finds the document.
      if (!isDuplicateKey(error) || tries === 3) throw error;
    }
  }
}

/**
 * Refuses any database but the one in which this host was registered: the ledger of another
 * database does not describe this disk.
 * @throws BAD_STATE naming both databases, FORMAT_TOO_NEW
 */
export async function requireSameDatabase(
  connection: Connection,
  prefix: string,
  state: Pick<HostState, 'database'>,
): Promise<void> {
  const found = await getMetaCollection(connection, prefix).findOne({ _id: 'syncmedia' });
  requireDatabaseId(state, {
    name: connection.name,
    id: found ? requireKnownFormat(found).databaseId : undefined,
  });
}

/** @throws BAD_STATE naming both databases */
export function requireDatabaseId(
  state: Pick<HostState, 'database'>,
  found: { name: string; id: string | undefined },
): void {
  if (found.id === state.database.id) return;
  const known = `"${state.database.name}" (${state.database.id})`;
  throw new SyncMediaError(
    'BAD_STATE',
    `this host is registered in the database ${known}, and the connection leads to ` +
      `"${found.name}" (${found.id ?? 'which no host was ever registered in'}): connect to the ` +
      `first one. If another application of this user uses the second database, give that ` +
      `application a state folder of its own with SYNCMEDIA_STATE_DIR and run \`syncmedia ` +
      `init\` for it. Remove host.json from the state folder only if the first database is gone ` +
      `for good, and run \`syncmedia init\` then`,
  );
}

function requireKnownFormat(meta: DatabaseMeta | null): DatabaseMeta {
  if (!meta)
    throw new SyncMediaError(
      'BAD_STATE',
      'the meta document is gone: it was removed while it was written',
    );
  const misfits = listMisfits(metaShape, meta);
  if (misfits.length > 0) {
    throw new SyncMediaError(
      'BAD_STATE',
      `the document of the meta collection is malformed (${misfits.join(', ')}): set its ` +
        `databaseId to the one in host.json of a host's state folder, its format to ` +
        `${String(DATABASE_FORMAT)}, and remove firstHost`,
    );
  }
  if (meta.format > DATABASE_FORMAT) {
    throw new SyncMediaError(
      'FORMAT_TOO_NEW',
      `the database was written by a newer syncmedia (format ${String(meta.format)}, this one ` +
        `knows ${String(DATABASE_FORMAT)}): upgrade this one`,
    );
  }
  return meta;
}
