// The same site in Next.js with a custom server: `next build`, then node site.mjs save PATH | get PATH
import { once } from 'node:events';
import { createRequire } from 'node:module';
import express from 'express';
import mongoose from 'mongoose';
import next from 'next';
import { serveMedia, startSyncMedia } from 'syncmedia';
import './photo.mjs';

// For the route, which checks that it has the same copy.
globalThis.startSyncMediaOfServer = startSyncMedia;
const { visit } = createRequire(import.meta.url)('../visit.cjs');
const site = next({ dev: false, dir: import.meta.dirname });
await site.prepare();
const handle = site.getRequestHandler();
const app = express();
app.use('/uploads', serveMedia('uploads'));
app.use((request, response) => handle(request, response));
await mongoose.connect(process.env.CONSUMER_MONGODB_URI, { serverSelectionTimeoutMS: 10_000 });
const sync = await startSyncMedia();
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
try {
  await visit(process.argv.slice(2), server.address().port, sync);
} finally {
  server.close();
  server.closeAllConnections();
  await site.close();
  await sync.close();
  await mongoose.disconnect();
}
