// Copies the files of a sync dir into a GridFS bucket, each under its path. README.md says how to
// use it. Run again, it copies only files that are new or changed. It deletes nothing.
import { createReadStream } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import mongoose from 'mongoose';

const { values: options } = parseArgs({
  options: {
    uri: { type: 'string', default: process.env.SYNCMEDIA_MONGODB_URI ?? '' },
    root: { type: 'string', default: process.env.SYNCMEDIA_ROOT ?? '' },
    dir: { type: 'string', default: '' },
    bucket: { type: 'string', default: 'fs' },
  },
});
if (options.uri === '' || options.root === '' || options.dir === '') {
  console.error('Give --root, --dir, and the database in --uri or SYNCMEDIA_MONGODB_URI.');
  process.exit(2);
}
const connection = await mongoose.createConnection(options.uri).asPromise();
try {
  process.exitCode = await copyDirectory();
} finally {
  await connection.close();
}

async function copyDirectory() {
  const { db } = connection;
  if (!db) throw new Error('the connection is not open');
  const bucket = new mongoose.mongo.GridFSBucket(db, { bucketName: options.bucket });
  const counts = { copied: 0, complete: 0, failed: 0 };
  for await (const path of listFiles(options.dir.replace(/\/+$/, ''))) {
    try {
      if (await isComplete(path)) counts.complete++;
      else {
        await copy(path);
        counts.copied++;
        console.log(path);
      }
    } catch (error) {
      counts.failed++;
      console.error(`${path}  FAILED: ${String(error)}`);
    }
  }
  console.log(
    `${String(counts.copied)} copied, ${String(counts.complete)} already there, ` +
      `${String(counts.failed)} failed`,
  );
  return counts.failed > 0 ? 1 : 0;

  /** Whether the newest revision in the bucket is this file. @param {string} path */
  async function isComplete(path) {
    const { size, mtimeMs } = await lstat(join(options.root, path));
    const [newest] = await bucket
      .find({ filename: path })
      .sort({ uploadDate: -1 })
      .limit(1)
      .toArray();
    return newest?.length === size && newest.metadata?.['mtimeMs'] === mtimeMs;
  }

  /** @param {string} path */
  async function copy(path) {
    const at = join(options.root, path);
    const { size, mtimeMs } = await lstat(at);
    const upload = bucket.openUploadStream(path, { metadata: { mtimeMs } });
    // The driver removes the chunks of an upload that fails.
    await pipeline(createReadStream(at), upload);
    const after = await lstat(at);
    if (after.size === size && after.mtimeMs === mtimeMs && upload.length === size) return;
    await bucket.delete(upload.id);
    throw new Error('it changed meanwhile: run this again');
  }
}

/**
 * Paths from the root, without what syncmedia keeps.
 *
 * @param {string} dir
 * @returns {AsyncGenerator<string>}
 */
async function* listFiles(dir) {
  for await (const entry of await opendir(join(options.root, dir))) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory() && entry.name !== '.syncmedia') yield* listFiles(path);
    else if (entry.isFile()) yield path;
  }
}
