import { mkdir, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Disk } from '../../src/replica/disk.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { refuseCaseClash, detectIgnoresCase } from '../../src/replica/names.js';
import { makeReplica, path, type Replica } from './replica.js';

let replica: Replica;
beforeEach(async () => {
  replica = await makeReplica();
});
afterEach(() => replica.remove());

/** Finds a name in any case, as macOS does; the bytes lie on the real disk. */
const ignoringCase: Disk = {
  ...nodeDisk,
  stat: async (at) => {
    const names = await readdir(dirname(at)).catch(() => []);
    const found = names.find((name) => name.toLowerCase() === basename(at).toLowerCase());
    return found === undefined ? undefined : nodeDisk.stat(join(dirname(at), found));
  },
};

test('detects a disk that ignores case', async () => {
  expect(await detectIgnoresCase(replica.place)).toBe(false);
  expect(await detectIgnoresCase(replica.on(ignoringCase))).toBe(true);
});

test('on such a disk a name that differs only by case from an existing one is refused, also of a directory', async () => {
  const place = { ...replica.on(ignoringCase), ignoresCase: true };
  await replica.put('Cat.jpg', 'meow');
  await mkdir(join(place.dirPath, 'Album'));
  await expect(refuseCaseClash(place, path('cat.JPG'))).rejects.toThrow(
    expect.objectContaining({
      code: 'BAD_PATH',
      message: expect.stringContaining('Cat.jpg') as string,
    }),
  );
  await expect(refuseCaseClash(place, path('album/dog.jpg'))).rejects.toThrow(
    expect.objectContaining({ code: 'BAD_PATH' }),
  );
  await refuseCaseClash(place, path('Cat.jpg'));
  await refuseCaseClash(place, path('Album/dog.jpg'));
  await refuseCaseClash(place, path('new/dog.jpg'));
});

test('where it does not, both may lie there', async () => {
  await replica.put('Cat.jpg', 'meow');
  await refuseCaseClash(replica.place, path('cat.JPG'));
});
