// A process of its own: runs `init` as the environment says, if wanted as another user id, and
// prints the host or the error.
import mongoose from 'mongoose';
import { createSyncMedia } from '../../src/instance/create.js';
import { SyncMediaError } from '../../src/model/errors.js';

const connection = await mongoose
  .createConnection(process.env['SYNCMEDIA_MONGODB_URI'] ?? '')
  .asPromise();
// Not before all is loaded: only root can read a checkout wherever it lies.
const user = process.env['BECOME_USER'];
if (user !== undefined) {
  process.setgroups?.([]);
  process.setgid?.(Number(user));
  process.setuid?.(Number(user));
}
const sync = createSyncMedia({ connection });
try {
  const { host, checks } = await sync.hosts.init({ generate: true });
  const failed = checks.filter(({ ok }) => !ok);
  process.stdout.write(JSON.stringify({ hostname: host.hostname, failed }));
} catch (error) {
  if (!(error instanceof SyncMediaError)) throw error;
  process.stdout.write(JSON.stringify({ code: error.code, message: error.message }));
} finally {
  await sync.close();
  await connection.close();
}
