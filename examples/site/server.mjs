// The site that the examples of deployment run: it takes uploads, serves them, and ends in order.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import express from 'express';
import mongoose from 'mongoose';
import multer from 'multer';
import { serveMedia, startSyncMedia, syncMedia, syncReady } from 'syncmedia';

const PHOTOS = 'uploads/photos';
const root = process.env.SYNCMEDIA_ROOT ?? process.cwd();

const photoSchema = new mongoose.Schema({ title: String, file: { type: String, required: true } });
photoSchema.plugin(syncMedia, { syncDirs: PHOTOS, exclude: '*.tmp' });
const Photo = mongoose.model('Photo', photoSchema);

// The name is ours. `*.tmp` is excluded, so nobody sees a file that is not complete.
const upload = multer({
  storage: multer.diskStorage({
    destination: join(root, PHOTOS),
    filename: (_request, _file, done) => {
      done(null, `${randomUUID()}.tmp`);
    },
  }),
  limits: { fileSize: 10 * 1024 * 1024, files: 1, fields: 5 },
});

const app = express();
app.disable('x-powered-by');
app.use('/uploads', serveMedia('uploads')); // fetches files that are missing here
app.use('/ready', syncReady());
app.post('/photos', upload.single('picture'), async ({ file }, response) => {
  if (!file) {
    response.status(400).json({ error: 'Send a file as the field "picture".' });
    return;
  }
  try {
    const path = `${PHOTOS}/${randomUUID()}.jpg`;
    await rename(file.path, join(root, path));
    await Photo.create({ title: file.originalname, file: path });
    response.status(201).json({ file: path });
  } finally {
    await rm(file.path, { force: true });
  }
});

await mongoose.connect(process.env.SYNCMEDIA_MONGODB_URI ?? 'mongodb://127.0.0.1/site');
const sync = await startSyncMedia();
const server = app.listen(Number(process.env.PORT ?? 3000), process.env.ADDRESS ?? '127.0.0.1');
await once(server, 'listening');
process.send?.('ready'); // for PM2

async function close() {
  const ended = once(server, 'close');
  server.close();
  // A visitor who is slower than this is cut off.
  setTimeout(() => {
    server.closeAllConnections();
  }, 5000).unref();
  await ended;
  await sync.close();
  await mongoose.disconnect();
}
/** @param {unknown} error */
function fail(error) {
  console.error(error);
  process.exit(1);
}
// PM2 sends SIGINT; systemd and containers send SIGTERM.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    close().then(() => process.exit(0), fail);
  });
}
