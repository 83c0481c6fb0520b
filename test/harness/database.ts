import { randomBytes } from 'node:crypto';
import mongoose, { type Connection, type ConnectOptions } from 'mongoose';
import { inject } from 'vitest';
import { startDatabase, uriOfDatabase } from '../../scripts/database.mjs';
import { expectGone } from './leftovers.js';

export { startDatabase, uriOfDatabase };

export interface TestDatabase {
  /** Open, to a database that nobody else has. */
  connection: Connection;
  /** Leads to that same database: for a process of its own, or a second connection. */
  uri: string;
  name: string;
  /** What the server is, for people. */
  server: string;
  /** Another connection to this database; closed by `close`, if not before. */
  connect(options?: ConnectOptions): Promise<Connection>;
  /** Drops the database and closes its connections. A file that leaves one open fails. */
  close(): Promise<void>;
}

/** A server on which databases are made. */
export interface DatabaseServer {
  readonly uri: string;
  readonly server: string;
}

/**
 * A fresh database, on the server of this run of vitest or on another one. Its owner calls `close`.
 */
export async function testDatabase(
  options: ConnectOptions = {},
  on: DatabaseServer = inject('database'),
): Promise<TestDatabase> {
  const { uri: serverUri, server } = on;
  const name = `syncmedia_test_${randomBytes(6).toString('hex')}`;
  const uri = uriOfDatabase(serverUri, name);
  const connections: Connection[] = [];
  const connect = async (more: ConnectOptions = {}): Promise<Connection> => {
    const connection = mongoose.createConnection(uri, {
      serverSelectionTimeoutMS: 10_000,
      ...more,
    });
    connections.push(connection);
    return connection.asPromise();
  };
  const connection = await connect(options);
  const closed = expectGone(`the database ${name}`, close);

  async function close(): Promise<void> {
    closed();
    // By a connection of its own: a test may have closed the first.
    await (await connect()).dropDatabase();
    await Promise.all(connections.map((one) => one.close()));
  }
  return { connection, uri, name, server, connect, close };
}
