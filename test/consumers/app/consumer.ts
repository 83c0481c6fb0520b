// A consumer's app in TypeScript: compiled and run as CommonJS and as ESM, by every tool in the test beside this folder.
import express from 'express';
import mongoose from 'mongoose';
import {
  createSyncMedia,
  startSyncMedia,
  syncAdmin,
  syncMedia,
  SyncMediaError,
  type PluginOptions,
  type SyncMediaOptions,
} from 'syncmedia';

interface Photo {
  title: string;
  file?: string;
}

/** Fails to compile where a public type is `any`. */
type NotAny<T> = 0 extends 1 & T ? never : true;
const checked: NotAny<Parameters<typeof syncMedia>[1]>
  & NotAny<ReturnType<typeof syncAdmin>>
  & NotAny<ReturnType<typeof createSyncMedia>>
  & NotAny<Awaited<ReturnType<typeof startSyncMedia>>>
  & NotAny<Parameters<ReturnType<typeof createSyncMedia>['plugin']>[1]> = true;

async function main(): Promise<void> {
  const options: PluginOptions = { syncDirs: 'uploads/', exclude: ['*.tmp'], paths: ['file'], rescan: false };
  const schema = new mongoose.Schema<Photo>({ title: { type: String, required: true }, file: String });
  schema.plugin(syncMedia, options);
  const connection = mongoose.createConnection();
  const Photos = connection.model<Photo>('Photo', schema);

  const app = express();
  app.use('/sync-admin', syncAdmin());
  const sync = await startSyncMedia();

  const uri = process.env.CONSUMER_MONGODB_URI;
  if (uri === undefined) throw new Error('CONSUMER_MONGODB_URI is not set');
  await connection.openUri(uri);
  const photo = await Photos.create({ title: 'a title', file: 'uploads/a.jpg' });
  if (photo.title !== 'a title') throw new Error('the save changed the document');
  await photo.deleteOne();

  const bad = { syncDirs: '/absolute' } satisfies PluginOptions;
  try {
    new mongoose.Schema<Photo>({ title: String }).plugin(syncMedia, bad);
    throw new Error('an absolute sync dir was taken');
  } catch (error) {
    if (!(error instanceof SyncMediaError)) throw error;
  }

  const own: SyncMediaOptions = { connection, collectionPrefix: 'own_' };
  const other = createSyncMedia(own);
  await other.close();
  await sync.close();
  await connection.close();
  console.log('consumed', checked);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
