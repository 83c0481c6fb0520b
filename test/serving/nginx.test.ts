import { readFileSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { request, type IncomingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTestProgram } from '../../scripts/test-programs.mjs';
import { dir, openSite, threeOf, type Machine, type Site } from '../flow/site.js';
import type { Daemon } from '../harness/daemon.js';
import { until } from '../harness/wait.js';
import { startNginx } from './nginx.js';
import { startWeb, type Web } from './web.js';

const program = await findTestProgram('nginx');

/**
 * The example of docs/serving.md, for this machine's directory and the app's port. Throws where the
 * page says something else by now.
 */
function readExample(root: string, app: string): string {
  const page = readFileSync(new URL('../../docs/serving.md', import.meta.url), 'utf8');
  const [, example = ''] = /```nginx\n([\s\S]*?)```/.exec(page) ?? [];
  let result = example;
  for (const [name, value] of [
    ['root /srv/app;', `root ${root};`],
    ['proxy_pass http://127.0.0.1:3000;', `proxy_pass ${app};`],
  ] as const) {
    const parts = result.split(name);
    if (parts.length !== 2)
      throw new Error(`The nginx example of docs/serving.md does not have "${name}" exactly once.`);
    result = parts.join(value);
  }
  return result;
}

describe.skipIf(program === undefined)(
  'the nginx example of docs/serving.md (where there is no nginx: node scripts/setup.mjs --for tests)',
  () => {
    let site: Site, one: Machine, two: Machine, web: Web, nginx: Daemon;

    /** A request whose path is sent as it is written, without an agent that would tidy it up. */
    function get(
      path: string,
    ): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
      return new Promise((resolve, reject) => {
        const asked = request(
          { host: '127.0.0.1', port: nginx.port, path, agent: false },
          (response) => {
            const chunks: Buffer[] = [];
            response
              .on('data', (bytes: Buffer) => chunks.push(bytes))
              .on('error', reject)
              .on('end', () => {
                resolve({
                  status: response.statusCode ?? 0,
                  headers: response.headers,
                  body: Buffer.concat(chunks).toString(),
                });
              });
          },
        );
        asked.on('error', reject).end();
      });
    }

    beforeAll(async () => {
      site = await openSite({ plugin: { rescan: false } });
      [one, two] = threeOf(site);
      web = await startWeb((app) => {
        app.use('/uploads', two.app.sync.serve('uploads'));
      });
      await two.write(`${dir}/here.jpg`, 'here');
      await two.write(`${dir}/page.html`, '<script>1</script>');
      await two.write(`${dir}/.syncmedia/trash/1/photos/old.jpg`, 'replaced bytes');
      await two.write(`${dir}/.syncmedia/conflicts/1/photos/old.jpg`, 'replaced bytes');
      await mkdir(two.path(`${dir}/sub`), { recursive: true });
      // This disk need not be one that ignores case.
      await symlink('.syncmedia', two.path(`${dir}/.SyncMedia`)).catch(() => undefined);
      const example = readExample(two.path('').replace(/\/$/, ''), web.url);
      nginx = await startNginx(
        program ?? '',
        (port) => `server { listen 127.0.0.1:${String(port)}; ${example} }`,
      );
    }, 120_000);
    afterAll(async () => {
      await nginx.close();
      await web.close();
      await site.close();
    });

    test('serves a file of this disk by itself, with nosniff and a sandbox', async () => {
      const { status, headers, body } = await get(`/${dir}/here.jpg`);
      expect([status, body]).toEqual([200, 'here']);
      expect(headers).toMatchObject({
        server: expect.stringContaining('nginx') as string,
        'x-content-type-options': 'nosniff',
        'content-security-policy': "sandbox; default-src 'none'",
      });
      expect(headers).not.toHaveProperty('x-powered-by');
      expect((await get(`/${dir}/page.html`)).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': "sandbox; default-src 'none'",
      });
    });

    const names = [
      'id',
      '',
      'trash',
      'trash/',
      'trash/1/photos/old.jpg',
      'conflicts/1/photos/old.jpg',
      'tmp/',
      'partial',
      'replaced/',
    ];
    const forms: [form: string, write: (name: string) => string][] = [
      ['as it is', (name) => `/${dir}/.syncmedia/${name}`],
      ['with %2e', (name) => `/${dir}/%2esyncmedia/${name}`],
      ['with an encoded letter', (name) => `/${dir}/.%73yncmedi%61/${name}`],
      ['with //', (name) => `/${dir}//.syncmedia//${name}`],
      ['with %2F', (name) => `/${dir}/.syncmedia%2F${name.replaceAll('/', '%2f')}`],
      ['with /./', (name) => `/${dir}/./.syncmedia/./${name}`],
      ['with ..', (name) => `/${dir}/sub/../.syncmedia/${name}`],
      ['with %2e%2e', (name) => `/${dir}/sub/%2e%2E/%2esyncmedia/${name}`],
      ['all mixed', (name) => `/uploads/%2e//photos%2fsub/..//%2E%73yncmedia//.%2f${name}`],
      ['from outside the directory', (name) => `/x/../${dir}/.syncmedia/${name}`],
      ['as a disk that ignores case takes it', (name) => `/${dir}/.SyncMedia/${name}`],
      ['encoded twice', (name) => `/${dir}/%252esyncmedia/${name}`],
    ];
    test.each(forms)('gives nothing of .syncmedia, %s', async (_form, write) => {
      for (const name of names) {
        const { status, headers, body } = await get(write(name));
        expect([name, status, body.includes('replaced bytes')]).toEqual([name, 404, false]);
        expect(headers['cache-control'], name).toBe('no-store');
      }
    });

    test('a file with a similar name is served', async () => {
      await two.write(`${dir}/x.syncmedia/file.jpg`, 'file');
      expect((await get(`/${dir}/x.syncmedia/file.jpg`)).status).toBe(200);
    });

    test('a file that exists nowhere is a 404 of the app that no cache may keep', async () => {
      const { status, headers } = await get(`/${dir}/nothing.jpg`);
      expect([status, headers['cache-control'], headers['x-content-type-options']]).toEqual([
        404,
        'no-store',
        'nosniff',
      ]);
    });

    test('the app fetches a file that only another host has', async () => {
      await one.app.sync.hosts.edit('two', { status: 'paused' });
      await until(async () => (await two.app.sync.hosts.show('two')).status === 'paused', {
        timeout: 20_000,
      });
      await one.app.sync.status();
      await one.write(`${dir}/there.jpg`, 'there');
      await one.app.Photo.create({ title: 'there', file: `${dir}/there.jpg` });
      const { status, headers, body } = await get(`/${dir}/there.jpg`);
      expect([status, body, headers['x-content-type-options']]).toEqual([200, 'there', 'nosniff']);
    });
  },
);
