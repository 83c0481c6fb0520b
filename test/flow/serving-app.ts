// A process of an app that takes uploads and serves them: says "listening" with its port, and goes
// on until it is ended.
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import express from 'express';
import mongoose, { Schema } from 'mongoose';
import { createSyncMedia } from '../../src/instance/create.js';

const [uri = '', dir = '', ending = ''] = process.argv.slice(2);
const root = process.env['SYNCMEDIA_ROOT'] ?? '';
process.stdin
  .on('end', () => {
    process.exit(0);
  })
  .resume();

const connection = await mongoose.createConnection(uri).asPromise();
const sync = createSyncMedia({ connection });
const schema = new Schema({ file: String });
schema.plugin(sync.plugin, { syncDirs: [dir], exclude: '*.tmp' });
const Photo = connection.model('Photo', schema);

const app = express();
app.use('/uploads', sync.serve('uploads'));
app.post(
  '/photos/:name',
  express.text({ type: () => true }),
  async ({ params: { name }, body }, response) => {
    const file = join(dir, name);
    await writeFile(join(root, `${file}.tmp`), String(body));
    await rename(join(root, `${file}.tmp`), join(root, file));
    await Photo.create({ file });
    response.sendStatus(201);
  },
);

await sync.start();
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');

async function close(): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  await closed;
  await sync.close();
  await connection.close();
}
if (ending === 'closes') {
  process.once('SIGTERM', () => {
    close().then(
      () => {
        process.exit(0);
      },
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}
process.stdout.write(`listening ${String((server.address() as AddressInfo).port)}\n`);
