import { mkdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Path } from '../../src/model/path.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import type { OpenFile } from '../../src/replica/open-file.js';
import type { Replica } from '../../src/replica/replica.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import { OwnDisk } from '../../src/replication/own-disk.js';
import { makePartial } from '../harness/partial.js';
import { makeTestDir } from '../harness/tmp.js';

const dir: SyncDir = { path: 'uploads' as Path, exclude: [], conflict: 'newer', onDelete: 'keep' };

test('a file that cannot be read is closed, and the error names it', async () => {
  const root = await makeTestDir();
  let closed = 0;
  const handle = makePartial<FileHandle>({
    read: () => Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' })),
    close: () => {
      closed++;
      return Promise.resolve();
    },
  });
  try {
    await mkdir(join(root.path, dir.path));
    const info = { size: 1, mtime: 1, nanos: 0 };
    const disk = new OwnDisk(
      makePartial<Replica>({
        absolute: (path) => join(root.path, path),
        requireOpenable: () => Promise.resolve(),
        open: () => Promise.resolve(makePartial<OpenFile>({ handle, info })),
      }),
      root.path,
      () => new SyncDirs([dir]),
      'A',
      () => () => Promise.resolve('trash'),
      1_000,
    );
    const wanted = { size: 1, mtime: 1, sha256: 'aa' };
    const { signal } = new AbortController();
    await expect(disk.openCopy('uploads/a.jpg' as Path, wanted, signal)).rejects.toMatchObject({
      code: 'TRANSFER_FAILED',
      message: expect.stringContaining('a.jpg') as unknown,
    });
    expect(closed).toBe(1);
  } finally {
    await root.remove();
  }
});
