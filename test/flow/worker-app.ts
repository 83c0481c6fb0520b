// A worker of an app: saves a document for each file that its input names and says so; `close` ends
// it in order. Arguments: database URI, sync dir, and the clocks that differ from those of users,
// as JSON.
import { createInterface } from 'node:readline';
import mongoose, { Schema } from 'mongoose';
import { createSyncMedia } from '../../src/instance/create.js';
import type { Tuning } from '../../src/config/config.js';

const [uri = '', dir = '', tuning = '{}'] = process.argv.slice(2);
const connection = await mongoose.createConnection(uri).asPromise();
const sync = createSyncMedia({ connection }, JSON.parse(tuning) as Partial<Tuning>);
const schema = new Schema({ title: String, file: String, thumbnail: String });
schema.plugin(sync.plugin, { syncDirs: [dir] });
const Photo = connection.model('Photo', schema);

async function answer(line: string): Promise<string> {
  if (line === 'ready?') return sync.isReady().then(String);
  if (line !== 'close') return Photo.create({ title: line, file: line }).then(() => 'saved');
  await sync.close();
  await connection.close();
  return 'closed';
}

createInterface({ input: process.stdin }).on('line', (line) => {
  void answer(line).then((said) => {
    process.stdout.write(`${said}\n`, () => {
      if (said === 'closed') process.exit();
    });
  });
});
await sync.start();
process.stdout.write('started\n');
