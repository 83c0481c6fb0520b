import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRsyncBackend } from '../../src/transport/rsync/rsync-backend.js';
import { markRemoteDirs, tryHost, type HostCheck } from '../../src/transport/try-host.js';
import { readMarker } from '../../src/replica/marker.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { makeSite, photos, type Site } from './site.js';

let site: Site;
beforeAll(async () => {
  site = await makeSite(createRsyncBackend);
});
afterAll(() => site.close());

const tried = (host = site.host): Promise<HostCheck[]> =>
  tryHost({
    ssh: site.ssh,
    host,
    timeoutMs: 5_000,
    dirs: [photos.path],
    authorizedKeysFile: '/home/deploy/.ssh/authorized_keys',
  });
const own = (): string => join(site.rootThere, photos.path, '.syncmedia');

test('a host that works passes every check, and keeps nothing of it', async () => {
  const checks = await tried();
  expect(checks.map(({ name, ok }) => [name, ok])).toEqual([
    ['ssh login', true],
    ['sftp put', true],
    ['rsync put', true],
  ]);
  await expect(readdir(join(own(), 'tmp'))).resolves.toEqual([]);
});

test('each failure comes with its remedy', async () => {
  await site.there.replaceProgram('rsync', 'exit 127');
  expect(await tried()).toMatchObject([
    { ok: true },
    { ok: true },
    {
      name: 'rsync put',
      ok: false,
      remedy: expect.stringContaining('apt-get install rsync') as string,
    },
  ]);
  await site.there.replaceProgram('rsync', undefined);

  const port = { ...site.host, id: 'other', sshPort: 1 };
  expect(await tried(port)).toMatchObject([
    { name: 'ssh login', ok: false, remedy: expect.stringContaining('port 1') as string },
  ]);

  const keys = await readFile(site.there.authorizedKeysFile, 'utf8');
  await writeFile(site.there.authorizedKeysFile, '');
  expect(await tried({ ...site.host, id: 'unknown' })).toMatchObject([
    {
      name: 'ssh login',
      ok: false,
      remedy: expect.stringContaining('/home/deploy/.ssh/authorized_keys') as string,
    },
  ]);
  await writeFile(site.there.authorizedKeysFile, keys);
});

test('marks the sync dirs of a host that does not run syncmedia', async () => {
  await rm(own(), { recursive: true });
  await markRemoteDirs({ ssh: site.ssh, host: site.host, timeoutMs: 5_000 }, [photos.path]);
  expect(await readMarker(nodeDisk, join(site.rootThere, photos.path))).toEqual({
    host: site.host.id,
    syncDir: photos.path,
  });
  await rm(join(site.rootThere, 'uploads'), { recursive: true });
  await expect(
    markRemoteDirs({ ssh: site.ssh, host: site.host, timeoutMs: 5_000 }, [photos.path]),
  ).rejects.toMatchObject({ code: 'BAD_SYNC_DIR' });
});
