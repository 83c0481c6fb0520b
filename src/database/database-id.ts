import { randomUUID } from 'node:crypto';
import type { Connection, mongo } from 'mongoose';
import { isDuplicateKey, nativeCollection } from '../util/collections.js';
import { SyncMediaError } from '../model/errors.js';
import type { HostId } from '../model/words.js';
import { isNumber, isText, listMisfits, orNone } from '../model/row-shapes.js';
import type { State } from '../state-dir/state.js';

const FORMAT = 1;
const shape = { format: isNumber, databaseId: isText, firstHost: orNone(isText) };

/** The one document of the meta collection. */
export interface Meta {
  _id: 'syncmedia';
  format: number;
  databaseId: string;
  firstHost?: HostId;
}

export function metaCollection(connection: Connection, prefix: string): mongo.Collection<Meta> {
  return nativeCollection<Meta>(connection, `${prefix}meta`);
}

/**
 * Reads the id of this database. The first host that asks creates it.
 * @throws FORMAT_TOO_NEW
 */
export async function claimDatabase(meta: mongo.Collection<Meta>): Promise<string> {
  for (let tries = 1; ; tries++) {
    try {
      const made = { format: FORMAT, databaseId: randomUUID() };
      const found = await meta.findOneAndUpdate(
        { _id: 'syncmedia' },
        { $setOnInsert: made },
        { upsert: true, returnDocument: 'after', includeResultMetadata: false },
      );
      return checkFormat(found).databaseId;
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
export async function checkDatabase(
  connection: Connection,
  prefix: string,
  state: Pick<State, 'database'>,
): Promise<void> {
  const found = await metaCollection(connection, prefix).findOne({ _id: 'syncmedia' });
  compareDatabase(state, {
    name: connection.name,
    id: found ? checkFormat(found).databaseId : undefined,
  });
}

/** @throws BAD_STATE naming both databases */
export function compareDatabase(
  state: Pick<State, 'database'>,
  found: { name: string; id: string | undefined },
): void {
  if (found.id === state.database.id) return;
  const known = `"${state.database.name}" (${state.database.id})`;
  throw new SyncMediaError(
    'BAD_STATE',
    `this host is registered in the database ${known}, and the connection leads to ` +
      `"${found.name}" (${found.id ?? 'which no host was ever registered in'}): connect to the ` +
      `first one. If another application of this user uses the second database, give that ` +
      `application a state folder of its own with SYNCMEDIA_STATE_DIR and run \`syncmedia init\` for it. Remove host.json from the state folder only if the first database is gone for good, and run \`syncmedia init\` then`,
  );
}

function checkFormat(meta: Meta | null): Meta {
  if (!meta)
    throw new SyncMediaError(
      'BAD_STATE',
      'the meta document is gone: it was removed while it was written',
    );
  const misfits = listMisfits(shape, meta);
  if (misfits.length > 0) {
    throw new SyncMediaError(
      'BAD_STATE',
      `the document of the meta collection is malformed (${misfits.join(', ')}): set its ` +
        `databaseId to the one in host.json of a host's state folder, its format to ` +
        `${String(FORMAT)}, and remove firstHost`,
    );
  }
  if (meta.format > FORMAT) {
    throw new SyncMediaError(
      'FORMAT_TOO_NEW',
      `the database was written by a newer syncmedia (format ${String(meta.format)}, this one ` +
        `knows ${String(FORMAT)}): upgrade this one`,
    );
  }
  return meta;
}
