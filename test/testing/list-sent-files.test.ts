import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Mongoose, Schema } from 'mongoose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSyncMedia } from '../../src/instance/create.js';
import { listSentFiles } from '../../src/testing/index.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

let root: TestDir;
beforeAll(async () => {
  root = await makeTestDir();
  for (const file of ['uploads/photos/a.jpg', 'uploads/photos/b.tmp', 'other/c.jpg']) {
    await mkdir(dirname(join(root.path, file)), { recursive: true });
    await writeFile(join(root.path, file), file);
  }
});
afterAll(() => root.remove());

/** Models of an own Mongoose, which is never connected. */
function compile(paths?: string) {
  const { plugin } = createSyncMedia({ stateDir: join(root.path, 'no-state') });
  const schema = new Schema({ file: String, more: [String], title: String });
  schema.plugin(plugin, {
    syncDirs: 'uploads/photos',
    exclude: '*.tmp',
    ...(paths !== undefined && { paths }),
  });
  return new Mongoose().model('Photo', schema);
}

test('lists the files that a save would send, without a connection', async () => {
  const Photo = compile();
  const photo = new Photo({
    file: '/uploads/photos/a.jpg',
    more: ['uploads/photos/b.tmp', 'other/c.jpg', 'uploads/photos/missing.jpg'],
    title: 'a.jpg',
  });
  expect(await listSentFiles(photo, { root: root.path })).toEqual({
    files: ['uploads/photos/a.jpg'],
    notSent: [
      {
        name: 'uploads/photos/b.tmp',
        why: 'the pattern *.tmp of uploads/photos excludes it',
      },
    ],
  });
});

test('with the option paths it lists also a file that the application is about to write', async () => {
  const Photo = compile('file');
  const photo = new Photo({ file: 'uploads/photos/new.jpg' });
  expect(await listSentFiles(photo, { root: root.path })).toMatchObject({
    files: ['uploads/photos/new.jpg'],
  });
  const outside = new Photo({ file: '../secret' });
  expect(await listSentFiles(outside, { root: root.path })).toMatchObject({
    files: [],
    notSent: [{ name: '../secret', why: expect.stringContaining('file: ') as string }],
  });
});

test('a document of a model without the plugin is refused by the name of the model', async () => {
  const Plain = new Mongoose().model('Plain', new Schema({ file: String }));
  await expect(listSentFiles(new Plain({ file: 'a' }))).rejects.toMatchObject({
    code: 'BAD_OPTION',
    message: expect.stringContaining('Plain') as string,
  });
});
