// A worker of an app: the admin router, and POST /photos/:name, which takes an upload. Arguments:
// database URI, sync dir. It prints its port, and ends in order at SIGTERM.
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import express from 'express';
import mongoose, { Schema } from 'mongoose';
import { createSyncMedia } from '../../src/instance/create.js';

const [uri = '', dir = ''] = process.argv.slice(2);
const connection = await mongoose.createConnection(uri).asPromise();
const sync = createSyncMedia({ connection });
const schema = new Schema({ file: String });
schema.plugin(sync.plugin, { syncDirs: [dir], exclude: '*.tmp' });
const Photo = connection.model('Photo', schema);
await sync.start();

const app = express();
app.use('/sync-admin', sync.admin());
app.post('/photos/:name', async ({ params: { name } }, response) => {
  const file = join(dir, name);
  await writeFile(join(process.env['SYNCMEDIA_ROOT'] ?? '', file), name);
  await Photo.create({ file });
  response.sendStatus(201);
});
const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening ${String((server.address() as AddressInfo).port)}\n`);
});
// As the README has it: the instance closes once the server has.
process.once('SIGTERM', () => {
  server.close(() => void sync.close().finally(() => process.exit(0)));
});
