import { mkdir, utimes, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeDisk } from '../../../../src/replica/node-disk.js';
import { requireSafePath } from '../../../../src/replica/paths.js';
import type { Sftp } from '../../../../src/transport/ssh/sftp.js';
import { fetchRemoteCopy } from '../../../../src/transport/rsync/small-files/fetch-copy.js';
import { makePartial } from '../../../harness/partial.js';
import { makeTestDir, type TestDir } from '../../../harness/tmp.js';
import { photos } from '../../site.js';

const path = requireSafePath(`${photos.path}/a.jpg`);
let dir: TestDir;
beforeEach(async () => {
  dir = await makeTestDir();
});
afterEach(() => dir.remove());

/** Places a file of four bytes below the sync dir. */
async function place(at: string, mtime: number): Promise<void> {
  const file = join(dir.path, at);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, 'meow');
  await utimes(file, mtime, mtime);
}

test('of the copies with another date it downloads a few, those that were replaced first', async () => {
  const replacedAt = (minute: number): string => {
    const time = (minute * 60_000).toString(36).padStart(9, '0');
    return `.syncmedia/${minute % 2 === 0 ? 'replaced' : 'trash'}/${time}-${'0'.repeat(16)}/a.jpg`;
  };
  await place('a.jpg', 3_000);
  for (const minute of [1, 2, 3, 4, 5, 6, 7, 8, 9]) await place(replacedAt(minute), 2_000);
  await place(replacedAt(10), 1_000);
  const opened: string[] = [];
  const sftp = makePartial<Sftp>({
    open: (file) => {
      opened.push(file.slice(dir.path.length + 1));
      return Promise.resolve(Buffer.alloc(1));
    },
    // It is another file by now.
    fstat: () => Promise.resolve({ size: 5 } as Awaited<ReturnType<Sftp['fstat']>>),
    close: () => Promise.resolve(),
  });
  const location = { disk: nodeDisk, dirPath: dir.path, dir: photos.path };
  const info = { size: 4, mtime: 1_000, sha256: 'a'.repeat(64) };
  const wanted = { path, info, since: new Date(2 * 60_000) };
  const into = makePartial<FileHandle>({ truncate: () => Promise.resolve() });
  expect(await fetchRemoteCopy(sftp, location, wanted, into, new AbortController().signal)).toBe(
    false,
  );
  expect(opened).toEqual([replacedAt(10), 'a.jpg', ...[2, 3, 4, 5].map(replacedAt)]);
});
