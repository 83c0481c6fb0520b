import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import express from 'express';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkSite } from '../../src/doctor/check-site.js';
import type { Path } from '../../src/model/path.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const host = '3f0d0c1e-5a65-4d3c-9a58-a4b4f2f0a001';
const photos: SyncDir = {
  path: 'uploads/photos' as Path,
  exclude: [],
  conflict: 'newer',
  onDelete: 'keep',
};
let root: TestDir;
let server: Server | undefined;

beforeEach(async () => {
  root = await makeTestDir();
  const marker = join(root.path, photos.path, '.syncmedia/id');
  await mkdir(dirname(marker), { recursive: true });
  await writeFile(marker, `${JSON.stringify({ host, syncDir: photos.path })}\n`);
});
afterEach(async () => {
  await new Promise((resolve) => {
    if (server) server.close(resolve);
    else resolve(undefined);
  });
  server = undefined;
  await root.remove();
});

async function serve(app: express.Express): Promise<string> {
  const listening = createServer(app).listen(0, '127.0.0.1');
  server = listening;
  await new Promise((resolve) => listening.once('listening', resolve));
  return `http://127.0.0.1:${String((listening.address() as AddressInfo).port)}`;
}

const dotfiles = { dotfiles: 'allow' } as const;

describe('a site whose web server publishes the internal folder', () => {
  test.each(['/uploads/photos', '/photos', '/shop/uploads/photos'])(
    'fails when the sync dir is served at %s, with the rule that refuses it',
    async (mount) => {
      const app = express().use(mount, express.static(join(root.path, photos.path), dotfiles));
      const base = await serve(app);
      const url = mount.startsWith('/shop') ? `${base}/shop/` : base;
      expect(await checkSite(url, [photos], [host])).toMatchObject([
        {
          state: 'failed',
          message: expect.stringContaining(`${mount}/.syncmedia/id`) as string,
          remedy: expect.stringContaining('location ~* /\\.syncmedia') as string,
        },
      ]);
    },
  );

  test('fails when the server only compares the plain spelling', async () => {
    const app = express()
      .use((request, response, next) => {
        if (request.url.includes('/.syncmedia')) response.sendStatus(404);
        else next();
      })
      .use('/uploads', express.static(join(root.path, 'uploads'), dotfiles));
    expect(await checkSite(await serve(app), [photos], [host])).toMatchObject([
      { state: 'failed', message: expect.stringContaining('%2Esyncmedia') as string },
    ]);
  });
});

test('a rule that compares case fails on a disk that ignores it', async () => {
  // This disk need not be one.
  const alias = join(root.path, photos.path, '.SYNCMEDIA');
  await symlink('.syncmedia', alias).catch(() => undefined);
  const app = express()
    .use((request, response, next) => {
      if (decodeURIComponent(request.url).includes('/.syncmedia')) response.sendStatus(404);
      else next();
    })
    .use('/uploads', express.static(join(root.path, 'uploads'), dotfiles));
  expect(await checkSite(await serve(app), [photos], [host])).toMatchObject([
    { state: 'failed', message: expect.stringContaining('.SYNCMEDIA') as string },
  ]);
});

test('a site that answers everything with its own page is fine', async () => {
  const app = express().use((_, response) => response.send('<h1>Our shop</h1>'));
  expect(await checkSite(await serve(app), [photos], [host])).toMatchObject([{ state: 'ok' }]);
});

test('a 404 that caches may keep is worth knowing', async () => {
  const app = express().use((_, response) => {
    response.set('Cache-Control', 'public, max-age=300').sendStatus(404);
  });
  expect(await checkSite(await serve(app), [photos], [host])).toMatchObject([
    { state: 'info', message: expect.stringContaining('max-age=300') as string },
  ]);
});

test('an endless answer is read up to its first kilobytes only', async () => {
  const app = express().use((_, response) => {
    const write = (): void => {
      while (response.write('x'.repeat(1_000)));
    };
    response.on('drain', write);
    write();
  });
  expect(await checkSite(await serve(app), [photos], [host])).toMatchObject([{ state: 'ok' }]);
});

test('a site that does not answer is named with the reason', async () => {
  const url = await serve(express());
  await new Promise((resolve) => server?.close(resolve));
  server = undefined;
  expect(await checkSite(url, [photos], [host])).toMatchObject([
    { state: 'failed', message: expect.stringContaining('ECONNREFUSED') as string },
  ]);
});

test.each(['www.example.com', 'file:///etc/passwd', 'https://me:secret@example.com'])(
  '%s is refused as the address of a site',
  async (url) => {
    await expect(checkSite(url, [photos], [host])).rejects.toMatchObject({ code: 'BAD_OPTION' });
  },
);
