import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { createConnection, mongo, type Connection } from 'mongoose';
import type { Alternative } from './alternative.js';
import { measureCollections } from './collections.js';

export function openBucket(connection: Connection): mongo.GridFSBucket {
  if (!connection.db) throw new Error('the connection is not open');
  return new mongo.GridFSBucket(connection.db);
}

export const gridfs: Alternative = {
  name: 'GridFS',
  settings: 'the bucket of the driver, write concern majority',
  async open({ app, uri, receivers }) {
    const connections = await Promise.all(
      receivers.map((): Promise<Connection> => createConnection(uri).asPromise()),
    );
    const bucket = openBucket(app.connection),
      buckets = connections.map(openBucket);
    return {
      folder: undefined,
      async store(name, content) {
        await pipeline(
          Readable.from([content]),
          bucket.openUploadStream(name, { writeConcern: { w: 'majority' } }),
        );
      },
      readEverywhere: (name) =>
        Promise.all(buckets.map((one) => buffer(one.openDownloadStreamByName(name)))),
      countDatabaseBytes: () => measureCollections(app.connection, ['fs.files', 'fs.chunks']),
      async close() {
        for (const connection of connections) await connection.close();
      },
    };
  },
};
