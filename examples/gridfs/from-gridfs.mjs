// Copies the files of a GridFS bucket into a sync dir. README.md says how to use it.
// It may be interrupted and run again: the bucket records the path of each file before it is
// written, and then that it was. It overwrites nothing, and the bucket keeps its bytes.
import { createWriteStream } from 'node:fs';
import { link, lstat, mkdir, mkdtemp, open, realpath, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import mongoose from 'mongoose';
import { chooseNames, TakenNames } from './choose-names.mjs';

/**
 * @typedef {import('mongoose').mongo.GridFSFile & { syncmediaPath?: string,
 *   syncmediaCopied?: boolean }} BucketFile
 */

const { values: options } = parseArgs({
  options: {
    uri: { type: 'string', default: process.env.SYNCMEDIA_MONGODB_URI ?? '' },
    root: { type: 'string', default: process.env.SYNCMEDIA_ROOT ?? '' },
    dir: { type: 'string', default: '' },
    bucket: { type: 'string', default: 'fs' },
    staging: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  },
});
if (options.uri === '' || options.root === '' || options.dir === '') {
  console.error('Give --root, --dir, and the database in --uri or SYNCMEDIA_MONGODB_URI.');
  process.exit(2);
}
const target = await realpath(join(options.root, options.dir));
// A file appears in the sync dir when it is complete, so both are on the same file system.
const staging = options.staging ?? dirname(target);

const connection = await mongoose.createConnection(options.uri).asPromise();
try {
  process.exitCode = await copyBucket();
} finally {
  await connection.close();
}

async function copyBucket() {
  const { db } = connection;
  if (!db) throw new Error('the connection is not open');
  if (!(await lstat(target)).isDirectory()) throw new Error(`${target} is no directory`);
  const bucket = new mongoose.mongo.GridFSBucket(db, { bucketName: options.bucket });
  /** @type {import('mongoose').mongo.Collection<BucketFile>} */
  const files = db.collection(`${options.bucket}.files`);
  // Including those of files that an interrupted run has not written.
  const names = new TakenNames();
  for await (const { syncmediaPath } of files.find({ syncmediaPath: { $type: 'string' } }))
    names.add(String(syncmediaPath));

  const counts = {
    copied: 0,
    before: await files.countDocuments({ syncmediaCopied: true }),
    failed: 0,
  };
  // The newest revision of a name comes first, so that it keeps the name.
  const order = /** @type {const} */ ({ uploadDate: -1, _id: -1 });
  // Ids at once: MongoDB closes a cursor that waits ten minutes for a large file.
  const ids = await files
    .find({ syncmediaCopied: { $ne: true } }, { projection: { _id: 1 } })
    .sort(order)
    .allowDiskUse()
    .toArray();
  const unfinished = await mkdtemp(join(staging, '.from-gridfs-'));
  try {
    for (const { _id } of ids) {
      const file = await files.findOne({ _id });
      if (!file) continue; // Deleted meanwhile.
      try {
        const path = file.syncmediaPath ?? (await reserve(file));
        if (!options['dry-run']) await write(path, file);
        counts.copied++;
        console.log(`${String(_id)}  ${path}`);
      } catch (error) {
        counts.failed++;
        console.error(`${String(_id)}  FAILED: ${String(error)}`);
      }
    }
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  const verb = options['dry-run'] ? 'to copy' : 'copied';
  console.log(
    `${String(counts.copied)} ${verb}, ${String(counts.before)} copied before, ` +
      `${String(counts.failed)} failed`,
  );
  return counts.failed > 0 ? 1 : 0;

  /** Records the path of a file, which nothing has yet. @param {BucketFile} file */
  async function reserve(file) {
    for (const name of chooseNames(file)) {
      const path = `${options.dir.replace(/\/+$/, '')}/${name}`;
      if (names.has(path) || !(await isFree(path))) continue;
      names.add(path);
      if (!options['dry-run'])
        await files.updateOne({ _id: file._id }, { $set: { syncmediaPath: path } });
      return path;
    }
    throw new Error(`no name is free for ${JSON.stringify(file.filename)}`);
  }

  /** @param {string} path @param {BucketFile} file */
  async function write(path, file) {
    const at = join(options.root, path);
    // An interrupted run may have written the file, and the application may have changed it since.
    if (await isFree(path)) {
      const source = join(unfinished, 'file');
      await rm(source, { force: true });
      await pipeline(
        bucket.openDownloadStream(file._id),
        createWriteStream(source, { flags: 'wx' }),
      );
      const { size } = await lstat(source);
      if (size !== file.length)
        throw new Error(`the bucket has ${String(size)} of its ${String(file.length)} bytes`);
      await utimes(source, file.uploadDate, file.uploadDate);
      const handle = await open(source);
      await handle.sync().finally(() => handle.close());
      await mkdir(dirname(at), { recursive: true });
      await link(source, at); // Refuses to overwrite, unlike a rename.
      await rm(source);
    }
    await files.updateOne({ _id: file._id }, { $set: { syncmediaCopied: true } });
  }
}

/**
 * Whether nothing is at the path, and no file lies where it needs a folder.
 *
 * @param {string} path
 */
async function isFree(path) {
  try {
    await lstat(join(options.root, path));
    return false;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT';
  }
}
