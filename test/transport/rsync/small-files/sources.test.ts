import { createHash } from 'node:crypto';
import { mkdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PutChange } from '../../../../src/transport/transfer-route.js';
import { SourceReader } from '../../../../src/transport/rsync/small-files/sources.js';
import { requireSafePath } from '../../../../src/replica/paths.js';
import { Replica } from '../../../../src/replica/replica.js';
import { SyncDirs } from '../../../../src/replica/sync-dirs.js';
import { makeTestDir, type TestDir } from '../../../harness/tmp.js';
import { photos } from '../../site.js';

const path = requireSafePath(`${photos.path}/a.jpg`);
let dir: TestDir, sources: SourceReader;
beforeEach(async () => {
  dir = await makeTestDir();
  await mkdir(join(dir.path, photos.path), { recursive: true });
  const dirs = new SyncDirs([photos]);
  sources = new SourceReader(new Replica(dir.path, () => dirs));
});
afterEach(() => dir.remove());

async function putOf(
  content: string,
  version = 'v1',
  sha256: string | undefined = createHash('sha256').update(content).digest('hex'),
): Promise<PutChange> {
  await writeFile(join(dir.path, path), content);
  await utimes(join(dir.path, path), 1_000, 1_000);
  const { size } = await stat(join(dir.path, path));
  return {
    path,
    dir: photos,
    version,
    do: 'put',
    info: { size, mtime: 1_000, ...(sha256 === undefined ? {} : { sha256 }) },
  };
}

test('the bytes of a version are read once for all who ask for them', async () => {
  const put = await putOf('meow');
  const [one, other] = await Promise.all([sources.read(put), sources.read(put)]);
  expect(one).toMatchObject({ bytes: Buffer.from('meow'), sha256: put.info.sha256 });
  expect(other).toBe(one);
});

test('another version at the same path is read anew', async () => {
  await sources.read(await putOf('meow'));
  expect(await sources.read(await putOf('purr', 'v2'))).toMatchObject({
    bytes: Buffer.from('purr'),
  });
});

test("a content other than the version's, of the same size and second, is not the version", async () => {
  const put = await putOf('meow');
  await putOf('purr');
  expect(await sources.read(put)).toBe('changed');
});

test('a file that is gone is vanished, and found again when it is back', async () => {
  const put = await putOf('meow');
  await rm(join(dir.path, path));
  expect(await sources.read(put)).toBe('vanished');
  await putOf('meow');
  expect(await sources.read(put)).toMatchObject({ bytes: Buffer.from('meow') });
});

test('without a known content nothing is remembered: the disk is read each time', async () => {
  const put = { ...(await putOf('meow')), info: { size: 4, mtime: 1_000 } };
  expect(await sources.read(put)).toMatchObject({ bytes: Buffer.from('meow') });
  await putOf('purr');
  expect(await sources.read(put)).toMatchObject({ bytes: Buffer.from('purr') });
});
