// A process that serves the sync dir `uploads` of the root it is given, at `/uploads`. It prints
// its port, and ends with its standard input.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { KnownDirs } from '../../src/context/known-dirs.js';
import { Replica } from '../../src/replica/replica.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import { ETagCache } from '../../src/serving/etag-cache.js';
import { createServeMedia } from '../../src/serving/serve-media.js';
import { resolveServeOptions } from '../../src/serving/serve-options.js';
import { EventBus } from '../../src/model/events.js';
import type { Path } from '../../src/model/path.js';
import { makePartial } from '../harness/partial.js';

const [rootPath = ''] = process.argv.slice(2);
process.stdin
  .on('end', () => {
    process.exit(0);
  })
  .resume();
const dirs = new SyncDirs([
  { path: 'uploads' as Path, exclude: [], conflict: 'newer', onDelete: 'keep' },
]);
const app = express();
app.use(
  '/uploads',
  createServeMedia(
    {
      replica: new Replica(rootPath, () => dirs),
      dirs: makePartial<KnownDirs>({ current: () => dirs }),
      events: new EventBus(),
    },
    { base: 'uploads', tags: new ETagCache(), openFetcher: () => Promise.resolve(undefined) },
    resolveServeOptions({}),
  ),
);
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`${String((server.address() as AddressInfo).port)}\n`);
