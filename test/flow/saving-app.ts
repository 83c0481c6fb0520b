// A process of an app: saves one photo, says "saved", and goes on until it is killed or its
// standard input ends.
import mongoose, { Schema } from 'mongoose';
import { createSyncMedia } from '../../src/instance/create.js';

const [uri = '', dir = '', file = '', mode = ''] = process.argv.slice(2);
process.stdin
  .on('end', () => {
    process.exit(0);
  })
  .resume();
const connection = await mongoose.createConnection(uri).asPromise();
const sync = createSyncMedia(
  { connection },
  {
    leaseMs: 2_000,
    beatMs: 300,
    pollMs: 400,
    fullPollMs: 400,
    captureDueMs: 1_500,
    recheckOriginMs: 1_500,
  },
);
const schema = new Schema({ title: String, file: String });
schema.plugin(sync.plugin, { syncDirs: [dir] });
const Photo = connection.model('Photo', schema);
if (mode === 'leads') await sync.start();
await Photo.create({ title: 'killed', file });
process.stdout.write('saved\n');
