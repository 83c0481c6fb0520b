// The app of a host as a process of its own: does what its parent asks, one message each, and ends
// with it.
import mongoose, { Schema } from 'mongoose';
import { createSyncMedia } from '../../src/instance/create.js';
import type { Answer, Asked, Settings } from './app-process.js';

const { uri, dir, tuning } = JSON.parse(process.argv[2] ?? '') as Settings;
process.on('disconnect', () => {
  process.exit(0);
});

interface Photo {
  _id: string;
  title: string;
  file: string;
}
const connection = await mongoose.createConnection(uri).asPromise();
const sync = createSyncMedia({ connection }, tuning);
// What a failure is explained with: a pipe is written before the next thing happens, so that a kill
// leaves it.
for (const event of [
  'recorded',
  'outcome',
  'acknowledged',
  'conflict',
  'blocked',
  'failing',
  'run',
  'lease',
  'halted',
] as const) {
  sync.on(event, (about) => {
    console.log(`${new Date().toISOString()} ${event} ${JSON.stringify(about)}`);
  });
}
const schema = new Schema<Photo>({ _id: String, title: String, file: String });
schema.plugin(
  sync.plugin as never,
  { syncDirs: [dir], exclude: '*.tmp', rescan: 1, onDelete: 'propagate' } as never,
);
const Photos = connection.model<Photo>('Photo', schema);

async function carryOut(asked: Asked): Promise<void> {
  switch (asked.do) {
    case 'save': {
      const { id, file, title } = asked;
      if (asked.by === 'update')
        await Photos.updateOne({ _id: id }, { $set: { file, title } }, { upsert: true });
      else {
        const photo = (await Photos.findById(id)) ?? new Photos({ _id: id });
        await photo.set({ file, title }).save();
      }
      return;
    }
    case 'delete':
      if (asked.by === 'query') await Photos.deleteOne({ _id: asked.id });
      else await (await Photos.findById(asked.id))?.deleteOne();
      return;
    case 'remove':
      return sync.remove([asked.path]);
    case 'push':
      await sync.push();
      return;
    case 'pull':
      await sync.pull();
      return;
    case 'repair':
      await sync.verify({ repair: true });
      return;
    case 'approve':
      for (const { dir: halted, host } of await sync.removals.list())
        await sync.removals.decide(halted, 'approved', host.id);
      return;
    case 'stop':
      await sync.close();
      await connection.close();
  }
}

/** Another host may have stored the document meanwhile: an app tries again. */
async function insist(asked: Asked): Promise<void> {
  try {
    await carryOut(asked);
  } catch (error) {
    if (!String(error).includes('E11000') && !String(error).includes('No matching document'))
      throw error;
    await carryOut(asked);
  }
}

function answer(message: Answer): void {
  process.send?.(message, undefined, undefined, () => {
    if (message.do === 'stop') process.exit(0);
  });
}

process.on('message', (message: { number: number; asked: Asked }) => {
  const { number, asked } = message;
  void insist(asked).then(
    () => {
      answer({ number, do: asked.do });
    },
    (error: unknown) => {
      answer({
        number,
        do: asked.do,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    },
  );
});
await sync.start();
answer({ number: 0, do: 'start' });
