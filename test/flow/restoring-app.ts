// A process of an app: restores one version of a file after the other until it is killed, and says
// of each that it is done. Arguments: database URI, sync dir, file.
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose, { Schema } from 'mongoose';
import { createSyncMedia } from '../../src/instance/create.js';

const [uri = '', dir = '', file = ''] = process.argv.slice(2);
const connection = await mongoose.createConnection(uri).asPromise();
const sync = createSyncMedia(
  { connection },
  { leaseMs: 2_000, beatMs: 300, pollMs: 400, fullPollMs: 400, captureDueMs: 1_500 },
);
const schema = new Schema({ title: String, file: String });
schema.plugin(sync.plugin, { syncDirs: [dir] });
connection.model('Photo', schema);
await sync.start();
process.stdout.write('started\n');
for (let number = 0; ; number++) {
  const versions = await sync.history.list(file, 1_000);
  const stored = versions.filter(({ as }) => as === 'stored');
  const [current] = versions;
  const other = stored.find(({ info }) => info?.sha256 !== current?.info?.sha256);
  // Another version may have come meanwhile, or the last one is not recorded yet.
  const restore = other && sync.history.restore(file, other.revision, { dryRun: false });
  if (
    await restore?.then(
      ({ isCurrent }) => !isCurrent,
      () => false,
    )
  )
    process.stdout.write(`restored ${other?.info?.sha256 ?? ''}\n`);
  else await sleep(20);
}
