import { execFile } from 'node:child_process';
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { runInThisContext } from 'node:vm';
import { stop, transformSync } from 'esbuild';
import mongoose, { Schema, type mongo } from 'mongoose';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { listCommandLines } from '../docs/command-lines.js';
import { listCodeBlocks, readPage, rootDir } from '../docs/pages.js';
import { dir, openSite, threeOf, untilNothingPending, type Site } from '../flow/site.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { chooseNames, TakenNames } from '../../examples/gridfs/choose-names.mjs';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const blocks = listCodeBlocks(readPage('docs/gridfs.md'));
const findLine = (start: string): string =>
  blocks
    .filter(({ language }) => language === 'sh')
    .flatMap((block) => listCommandLines(block))
    .map(({ line }) => line)
    .find((line) => line.startsWith(start)) ?? expect.fail(`no line starts with ${start}`);

let app: TestDir, database: TestDatabase, disk: TestDir, root: string, bucket: mongo.GridFSBucket;
beforeAll(async () => {
  app = await makeTestDir();
  for (const name of ['from-gridfs.mjs', 'to-gridfs.mjs', 'choose-names.mjs'])
    await copyFile(join(rootDir, 'examples/gridfs', name), join(app.path, name));
  await symlink(join(rootDir, 'node_modules'), join(app.path, 'node_modules'));
});
beforeEach(async () => {
  database = await testDatabase();
  disk = await makeTestDir();
  await use(database, disk.path);
});
afterEach(async () => {
  await disk.remove();
  await database.close();
});
afterAll(() => app.remove());

/** Sets where the scripts work. */
async function use(on: TestDatabase, directory: string): Promise<void> {
  database = on;
  root = directory;
  bucket = openBucket('fs');
  await mkdir(join(root, dir), { recursive: true });
}

async function write(name: string, content: string, mtime?: number): Promise<void> {
  const at = join(root, dir, name);
  await mkdir(dirname(at), { recursive: true });
  await writeFile(at, content);
  if (mtime !== undefined) await utimes(at, mtime, mtime);
}

const read = (name: string): Promise<string | undefined> =>
  readFile(join(root, dir, name), 'utf8').catch(() => undefined);

function openBucket(bucketName: string): mongo.GridFSBucket {
  const { db } = database.connection;
  return new mongoose.mongo.GridFSBucket(db ?? expect.fail('not open'), { bucketName });
}

/** A file of the bucket, as old as it says. */
async function upload(filename: string, content: string, date: string): Promise<mongo.ObjectId> {
  const stream = bucket.openUploadStream(filename);
  await pipeline(Readable.from([Buffer.from(content)]), stream);
  await files().updateOne({ _id: stream.id }, { $set: { uploadDate: new Date(date) } });
  return stream.id;
}

interface BucketFile {
  _id: mongo.ObjectId;
  filename: string;
  syncmediaPath?: string;
  syncmediaCopied?: boolean;
}
const files = (): mongo.Collection<BucketFile> =>
  database.connection.collection('fs.files') as unknown as mongo.Collection<BucketFile>;

/** Runs a line of the page. */
async function runLine(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const [, ...args] = line.replaceAll('/srv/app', root).split(' ');
  const env = { PATH: process.env['PATH'], SYNCMEDIA_MONGODB_URI: database.uri };
  return promisify(execFile)(process.execPath, args, { cwd: app.path, env }).then(
    (output) => ({ code: 0, ...output }),
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  );
}

const copyIn = (): ReturnType<typeof runLine> =>
  runLine(findLine('node from-gridfs.mjs').replace(' --dry-run', ''));

test('every file of a bucket reaches every host under its name, or under a safe one, and documents name it', async () => {
  const own = database;
  const site = await openSite({ plugin: { rescan: false } });
  try {
    await moveBucket(site);
  } finally {
    database = own;
    await site.close();
  }
});

async function moveBucket(site: Site): Promise<void> {
  const [one] = threeOf(site);
  await use(site.database, one.ssh.root);
  const cat = await upload('2024/cat.jpg', 'the newest cat', '2024-06-01');
  const older = await upload('2024/cat.jpg', 'an older cat', '2023-06-01');
  const shouting = await upload('2024/CAT.jpg', 'another cat', '2022-06-01');
  const evil = await upload('../../../etc/passwd', 'evil', '2024-01-01');
  const hidden = await upload('.syncmedia/id', 'marker', '2024-01-02');
  const blocked = await upload('2024', 'a name that is a folder', '2021-01-01');
  const empty = await upload('', '', '2024-01-03');
  const umlaut = await upload('Übersicht für Müller.pdf', 'pdf', '2024-01-04');

  const planned = await runLine(findLine('node from-gridfs.mjs'));
  expect(planned).toMatchObject({ code: 0, stderr: '' });
  expect(await readdir(join(root, dir))).toEqual(['.syncmedia']);
  expect(await files().countDocuments({ syncmediaPath: { $exists: true } })).toBe(0);

  const copied = await copyIn();
  expect(copied).toMatchObject({ code: 0, stderr: '' });
  expect(copied.stdout).toContain('8 copied, 0 copied before, 0 failed');
  const expected: [mongo.ObjectId, string, string][] = [
    [cat, '2024/cat.jpg', 'the newest cat'],
    [older, `${String(older)}-cat.jpg`, 'an older cat'],
    [shouting, `${String(shouting)}-CAT.jpg`, 'another cat'],
    [evil, `${String(evil)}-passwd`, 'evil'],
    [hidden, `${String(hidden)}-id`, 'marker'],
    [blocked, `${String(blocked)}-2024`, 'a name that is a folder'],
    [empty, `${String(empty)}-file`, ''],
    [umlaut, 'Übersicht für Müller.pdf', 'pdf'],
  ];
  const { sync } = one.app;
  expect(await sync.runs.follow((await sync.push()).id)).toMatchObject({ state: 'done' });
  await untilNothingPending(site);
  for (const [id, name, content] of expected) {
    expect(await files().findOne({ _id: id })).toMatchObject({
      syncmediaPath: `${dir}/${name}`,
      syncmediaCopied: true,
    });
    for (const machine of site.machines)
      expect([name, await machine.read(`${dir}/${name}`)]).toEqual([name, content]);
  }
  expect((await stat(join(root, dir, '2024/cat.jpg'))).mtime).toEqual(new Date('2024-06-01'));
  // Nothing is left beside the sync dir, and nothing else came into it.
  expect(await readdir(join(root, dir, '..'))).toEqual(['photos']);
  expect(Object.keys(await one.tree())).toHaveLength(expected.length);

  // The sample of the page, on documents that refer to their file by its id.
  const connection = await database.connect();
  const schema = new Schema({ file: String, gridId: Schema.Types.ObjectId });
  const Photo = connection.model('Moved', schema);
  const document = await Photo.create({ gridId: cat });
  const sample = blocks.find(({ code }) => code.includes('nameFiles')) ?? expect.fail('no sample');
  const { code } = transformSync(sample.code.replace('mongoose.connection', 'connection'), {
    loader: 'ts',
    format: 'cjs',
  });
  await stop();
  const wrapped = `(function (connection, Photo, module, require) {${code}\nreturn module.exports;})`;
  const { nameFiles } = (
    runInThisContext(wrapped) as (...args: unknown[]) => { nameFiles: () => Promise<void> }
  )(connection, Photo, { exports: {} }, () => ({ default: mongoose, __esModule: true }));
  await nameFiles();
  expect((await Photo.findById(document._id))?.toObject()).toEqual({
    _id: document._id,
    __v: 0,
    file: `${dir}/2024/cat.jpg`,
  });
}

test('an interrupted copy goes on where it ended, overwrites nothing, and names the files that failed', async () => {
  const changed = await upload('changed.txt', 'of the bucket', '2024-01-01');
  const deleted = await upload('deleted.txt', 'deleted since', '2024-01-02');
  const reserved = await upload('reserved.txt', 'reserved', '2024-01-03');
  const torn = await upload('torn.txt', 'torn', '2024-01-04');
  const taken = await upload('taken.txt', 'of the bucket', '2024-01-05');
  await write('taken.txt', 'of the application');
  await write('changed.txt', 'changed by the application');
  // An earlier run recorded these. The application has changed and deleted two of them since.
  const path = (name: string): { syncmediaPath: string } => ({ syncmediaPath: `${dir}/${name}` });
  await files().updateOne({ _id: changed }, { $set: path('changed.txt') });
  await files().updateOne(
    { _id: deleted },
    { $set: { ...path('deleted.txt'), syncmediaCopied: true } },
  );
  await files().updateOne({ _id: reserved }, { $set: path('reserved.txt') });
  await database.connection.collection('fs.chunks').deleteMany({ files_id: torn });

  const first = await copyIn();
  expect(first.code).toBe(1);
  expect(first.stderr).toContain(`${String(torn)}  FAILED`);
  expect(first.stdout).toContain('3 copied, 1 copied before, 1 failed');
  expect(await read('changed.txt')).toBe('changed by the application');
  expect(await read('deleted.txt')).toBeUndefined();
  expect(await read('reserved.txt')).toBe('reserved');
  expect(await read('torn.txt')).toBeUndefined();
  expect(await read('taken.txt')).toBe('of the application');
  expect(await read(`${String(taken)}-taken.txt`)).toBe('of the bucket');

  const second = await copyIn();
  expect(second.stdout).toContain('0 copied, 4 copied before, 1 failed');
});

test('out again: a bucket gets every file under its path, and a second run copies only what changed', async () => {
  for (const name of ['a.jpg', 'album/b.jpg', 'ü.jpg'])
    await write(name, `bytes of ${name}`, 1_600_000_000);
  const line = findLine('node to-gridfs.mjs');
  const out = openBucket('media');
  expect(await runLine(line)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('3 copied, 0 already there, 0 failed') as string,
  });
  const readOut = (name: string): Promise<string> =>
    text(out.openDownloadStreamByName(`${dir}/${name}`));
  for (const name of ['a.jpg', 'album/b.jpg', 'ü.jpg'])
    expect(await readOut(name)).toBe(`bytes of ${name}`);
  expect(await out.find().toArray()).toHaveLength(3);

  await write('a.jpg', 'changed since');
  expect((await runLine(line)).stdout).toContain('1 copied, 2 already there, 0 failed');
  expect(await readOut('a.jpg')).toBe('changed since');
});

test('large files keep their bytes on the way in and out', async () => {
  const content = Buffer.alloc(1_000_000, 'many bytes ');
  const stream = bucket.openUploadStream('large.bin');
  await pipeline(Readable.from([content]), stream);
  expect(await copyIn()).toMatchObject({ code: 0 });
  expect((await readFile(join(root, dir, 'large.bin'))).equals(content)).toBe(true);
  expect(await runLine(findLine('node to-gridfs.mjs'))).toMatchObject({ code: 0 });
  const back = await buffer(openBucket('media').openDownloadStreamByName(`${dir}/large.bin`));
  expect(back.equals(content)).toBe(true);
});

test('no name of a bucket leads out of the sync dir, is hidden, or has a control character', () => {
  const names = [
    ...['..', '.', 'a/../b', '/etc/passwd', 'a//b', 'a/', '.htaccess', 'a/.b', 'a\0b', 'a\nb'],
    ...['a\\b', '\u202egpj.exe', '\ud800', 'x'.repeat(300), `${'x/'.repeat(1_000)}y`, '~', '*'],
  ];
  for (const [index, filename] of names.entries())
    for (const name of chooseNames({ _id: index, filename })) {
      expect(name).toMatch(/^[\p{L}\p{N}_~*-][\p{L}\p{N}_.~*-]*$/u);
      expect(Buffer.byteLength(name)).toBeLessThan(200);
    }
  expect(chooseNames({ _id: 1, filename: 'a/b.jpg' })[0]).toBe('a/b.jpg');
  const taken = new TakenNames();
  taken.add('a/É.JPG');
  for (const name of ['a/e\u0301.jpg', 'A', 'a/é.jpg/b']) expect(taken.has(name)).toBe(true);
  for (const name of ['a/b', 'b', 'a/é']) expect(taken.has(name)).toBe(false);
});
