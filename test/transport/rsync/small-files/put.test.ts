import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createRsyncBackend } from '../../../../src/transport/rsync/rsync-backend.js';
import { locateRemoteDir } from '../../../../src/transport/transfer-route.js';
import {
  parseFileMode,
  putFileBySftp,
  type PutFileOptions,
} from '../../../../src/transport/rsync/small-files/put.js';
import { areas } from '../../../../src/replica/areas.js';
import { nodeDisk } from '../../../../src/replica/node-disk.js';
import { writeMarker } from '../../../../src/replica/marker.js';
import { requireSafePath } from '../../../../src/replica/paths.js';
import { changeOf, collect, makeSite, never, photos, put, type Site } from '../../site.js';

const dir = photos.path;
const placing: PutFileOptions = {
  resolver: () => Promise.resolve('conflict'),
  guess: areas.tmp,
  checked: Promise.resolve(areas.tmp),
  repair: () => Promise.resolve(areas.tmp),
};
let site: Site | undefined;
afterEach(async () => {
  await site?.close();
  site = undefined;
});

test.each([
  ['F644', 0o644],
  ['644', 0o644],
  ['D755,F640', 0o640],
  ['D2775,F0664', 0o664],
  ['D755', undefined],
  ['u=rw', undefined],
  ['Fgo-w', undefined],
  ['F644,o-r', undefined],
])('the mode of a file by %s', (chmod, expected) => {
  expect(parseFileMode(chmod)).toBe(expected);
});

describe('putFileBySftp', () => {
  test('places a file with its time and mode, and leaves nothing unfinished', async () => {
    site = await makeSite(createRsyncBackend);
    const { ssh, host, rootThere } = site;
    const bytes = Buffer.from(Array.from({ length: 100_001 }, (_, index) => index % 253));
    await ssh.connections.use(host, async (connection) => {
      const resolved = await putFileBySftp(
        connection.sftp,
        locateRemoteDir(connection, host, photos),
        requireSafePath(`${dir}/a/b.jpg`),
        { bytes, mtime: 1_500_000_000, mode: 0o640 },
        placing,
      );
      expect(resolved).toEqual([]);
    });
    const file = join(rootThere, dir, 'a/b.jpg');
    expect((await readFile(file)).equals(bytes)).toBe(true);
    const { mtimeMs, mode } = await stat(file);
    expect([mtimeMs, mode & 0o777]).toEqual([1_500_000_000_000, 0o640]);
    await expect(readdir(join(rootThere, dir, '.syncmedia/tmp'))).resolves.toEqual([]);
  });

  test('a file that cannot be placed is not left behind', async () => {
    site = await makeSite(createRsyncBackend);
    const { ssh, host, rootThere } = site;
    await put(rootThere, `${dir}/way`, 'a file where a directory is needed');
    await ssh.connections.use(host, async (connection) => {
      const putting = putFileBySftp(
        connection.sftp,
        locateRemoteDir(connection, host, photos),
        requireSafePath(`${dir}/way/b.jpg`),
        { bytes: Buffer.from('b'), mtime: 1, mode: 0o644 },
        placing,
      );
      await expect(putting).rejects.toMatchObject({ code: 'NOT_A_FILE' });
    });
    await expect(readdir(join(rootThere, dir, '.syncmedia/tmp'))).resolves.toEqual([]);
  });
});

test('a host whose SFTP cannot replace a file gets everything by rsync', async () => {
  site = await makeSite(createRsyncBackend, {
    there: { sftp: false, settings: ['Subsystem sftp internal-sftp -P posix-rename'] },
  });
  const { backend, host, here, rootThere, resolutions } = site;
  const path = requireSafePath(`${dir}/a.jpg`);
  await put(rootThere, path, 'old');
  await put(here, path, 'new!');
  resolutions.set(path, 'trash');
  const outcomes = await collect(backend.send(host, [await changeOf(here, path)], never));
  expect(outcomes.get(path)).toMatchObject({ result: 'delivered', via: 'rsync' });
  expect(await readFile(join(rootThere, path), 'utf8')).toBe('new!');
  await expect(readdir(join(rootThere, dir, '.syncmedia/replaced'))).resolves.toEqual([]);
  await expect(readdir(join(rootThere, dir, '.syncmedia/trash'))).resolves.toHaveLength(1);
});

test('a delivery by SFTP reports the sha256 of the sent bytes, and refuses bytes that are not the version', async () => {
  site = await makeSite(createRsyncBackend);
  const { backend, host, here } = site;
  await put(here, `${dir}/a.jpg`, 'abc');
  const change = await changeOf(here, `${dir}/a.jpg`);
  if (change.do !== 'put') throw new Error('it is a put');
  const sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect((await collect(backend.send(host, [change], never))).get(change.path)).toMatchObject({
    result: 'delivered',
    via: 'sftp',
    sha256,
  });
  const other = { ...change, info: { ...change.info, sha256: '0'.repeat(64) } };
  expect((await collect(backend.send(host, [other], never))).get(change.path)).toMatchObject({
    result: 'changed',
  });
});

test('working folders that were removed since the first delivery are made again', async () => {
  site = await makeSite(createRsyncBackend);
  const { backend, host, here, rootThere, resolutions } = site;
  const send = async (name: string, content: string): Promise<string | undefined> => {
    const path = requireSafePath(`${dir}/${name}`);
    resolutions.set(path, 'trash');
    await put(here, path, content);
    const outcomes = await collect(backend.send(host, [await changeOf(here, path)], never));
    return outcomes.get(path)?.result;
  };
  expect(await send('a.jpg', 'a')).toBe('delivered');
  await rm(join(rootThere, dir, '.syncmedia/tmp'), { recursive: true });
  expect(await send('b.jpg', 'b')).toBe('delivered');
  await rm(join(rootThere, dir, '.syncmedia/replaced'), { recursive: true });
  await rm(join(rootThere, dir, '.syncmedia/trash'), { recursive: true });
  expect(await send('b.jpg', 'other')).toBe('delivered');
  expect(await readFile(join(rootThere, dir, 'b.jpg'), 'utf8')).toBe('other');
});

test('a marker that another host put there since the first delivery is noticed, and nothing is placed', async () => {
  site = await makeSite(createRsyncBackend);
  const { backend, host, here, rootThere } = site;
  const path = requireSafePath(`${dir}/a.jpg`);
  await put(here, path, 'a');
  await collect(backend.send(host, [await changeOf(here, path)], never));
  await writeMarker(nodeDisk, join(rootThere, dir), 'host-of-another-name', photos.path, {
    force: true,
  });
  await put(here, `${dir}/b.jpg`, 'b');
  const outcomes = await collect(backend.send(host, [await changeOf(here, `${dir}/b.jpg`)], never));
  expect([...outcomes.values()]).toMatchObject([
    { result: 'failed', failure: { code: 'NO_MARKER', scope: 'host' } },
  ]);
  expect(await readdir(join(rootThere, dir))).toEqual(expect.not.arrayContaining(['b.jpg']));
  await expect(readdir(join(rootThere, dir, '.syncmedia/tmp'))).resolves.toEqual([]);
});
