import type { Connection, mongo } from 'mongoose';

/** Parts of the driver's description of the servers. Its exported types hide them. */
interface KnownServers {
  readonly topology?: {
    readonly description?: {
      readonly servers?: ReadonlyMap<
        string,
        { readonly type: string; readonly electionId?: mongo.ObjectId | null }
      >;
    };
  };
}

/**
 * Identifies the term of the primary that the client writes to, as far as the client knows: the
 * time from one election of MongoDB to the next. Undefined while the client knows no primary of a
 * replica set, so also for a standalone server, a sharded cluster and a server that tells no
 * election.
 *
 * The oplog and the journal of one primary are sequences: if a write survives, every earlier write
 * of the same primary survives too. The driver learns of a new primary before it writes there, so
 * two writes went to the same one if this had the same value before the first and after the second.
 */
export function readPrimaryTerm(connection: Connection): string | undefined {
  const client = connection.getClient() as KnownServers | undefined;
  for (const [address, { type, electionId }] of client?.topology?.description?.servers ?? [])
    if (type === 'RSPrimary' && electionId) return `${address} ${electionId.toString()}`;
  return undefined;
}
