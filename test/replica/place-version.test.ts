import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Path } from '../../src/model/path.js';
import { prepareAreas, type SyncDirLocation } from '../../src/replica/areas.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { placeVersion } from '../../src/replica/place-version.js';
import { TmpFolders } from '../../src/replica/tmp-folders.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

let root: TestDir, at: string, location: SyncDirLocation;
const path = 'uploads/cat.jpg' as Path;
beforeEach(async () => {
  root = await makeTestDir();
  const dirPath = join(root.path, 'uploads');
  await mkdir(dirPath);
  location = { disk: nodeDisk, dirPath, dir: 'uploads' as Path };
  await prepareAreas(location);
  at = join(dirPath, 'cat.jpg');
  await writeFile(at, 'now');
});
afterEach(() => root.remove());

const options = {
  fileMode: 0o644,
  tmpFolders: new TmpFolders(),
  resolver: () => Promise.resolve('trash' as const),
};

/** Writes `content` to the path right after the last look before the placing. */
async function placeWhileSaving(content: string, copy?: string): Promise<void> {
  let isSaved = false;
  const disk = {
    ...nodeDisk,
    stat: async (looked: string) => {
      const found = await nodeDisk.stat(looked);
      if (looked === at && !isSaved) {
        isSaved = true;
        await writeFile(at, content);
      }
      return found;
    },
  };
  await placeVersion(
    { ...location, disk },
    {
      path,
      info: { size: 4, mtime: 5_000 },
      source: copy ?? readThen(),
      found: await nodeDisk.stat(at),
      hasNewVersion: () => Promise.resolve(false),
    },
    options,
  );
}
async function* readThen(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from('then'));
}
async function readTrash(): Promise<string[]> {
  const trash = join(location.dirPath, '.syncmedia/trash');
  const names = (await readdir(trash, { recursive: true })).filter((name) => name.endsWith('.jpg'));
  return Promise.all(names.map((name) => readFile(join(trash, name), 'utf8')));
}

test('a save between the last look and the placing is put back', async () => {
  await expect(placeWhileSaving('saved')).rejects.toMatchObject({ code: 'CHANGED' });
  expect(await readFile(at, 'utf8')).toBe('saved');
  expect(await readTrash()).toEqual(['then']);
});

test('a copy in the trash is there again after a save was put back', async () => {
  const folder = join(location.dirPath, '.syncmedia/trash/one');
  await mkdir(folder);
  const copy = join(folder, 'cat.jpg');
  await writeFile(copy, 'kept');
  await utimes(copy, 1_000, 1_000);
  await expect(placeWhileSaving('saved', copy)).rejects.toMatchObject({ code: 'CHANGED' });
  expect(await readFile(at, 'utf8')).toBe('saved');
  expect(await readTrash()).toEqual(['kept']);
});
