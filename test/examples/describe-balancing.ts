import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dir } from '../flow/site.js';
import { until } from '../harness/wait.js';
import { BalancedSite, internalPaths, type Balancing } from './balanced-site.js';
import { explainLoad, listUnexplained } from './explain-load.js';
import { get, uploadPicture } from './load.js';

/** What both web servers promise, in the `describe` of the caller. */
export function describeBalancing(balancing: Balancing): void {
  let balanced: BalancedSite;
  beforeAll(async () => {
    balanced = await BalancedSite.open(balancing);
  }, 240_000);
  afterAll(() => balanced.close(), 60_000);

  const host = (index: number): BalancedSite['hosts'][number]['app']['machine'] => {
    const found = balanced.hosts[index];
    if (!found) throw new Error(`no host ${String(index)}`);
    return found.app.machine;
  };

  test('nothing of .syncmedia is served, nor another dotfile, and no cache may keep the 404', async () => {
    for (const area of ['trash', 'conflicts'])
      await host(0).write(`${dir}/.syncmedia/${area}/1/photos/old.jpg`, 'replaced bytes');
    await host(0).write(`${dir}/.hidden.jpg`, 'replaced bytes');
    await mkdir(host(0).path(`${dir}/x`), { recursive: true });
    for (const path of internalPaths) {
      const { status, headers, body } = await get(`${balanced.urlOfHost(0)}${path}`);
      expect([path, status, body.includes('replaced bytes')]).toEqual([path, 404, false]);
      // Caddy leaves the other addresses to the application, which has no such page.
      if (path.startsWith('/uploads/'))
        expect([path, headers['cache-control']]).toEqual([path, 'no-store']);
    }
  });

  test('a file of the disk is served without the application, with nosniff and a sandbox', async () => {
    await host(0).write(`${dir}/here.html`, '<script>1</script>');
    const { status, headers, body } = await get(`${balanced.urlOfHost(0)}/${dir}/here.html`);
    expect([status, body.toString()]).toEqual([200, '<script>1</script>']);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
    });
    // serveMedia would make it an attachment.
    expect(headers).not.toHaveProperty('content-disposition');
  });

  test('a file that exists nowhere is a 404 that no cache may keep', async () => {
    for (const path of [`${dir}/nothing.jpg`, `${dir}/`, dir, 'uploads/']) {
      const { status, headers } = await get(`${balanced.url}/${path}`);
      expect([path, status, headers['cache-control'], headers['x-content-type-options']]).toEqual([
        path,
        404,
        'no-store',
        'nosniff',
      ]);
    }
  });

  test('an upload of 9 MB is taken, and every host serves it at once', async () => {
    const content = Buffer.alloc(9 * 1024 * 1024, 'x');
    const { status, body } = await uploadPicture(balanced.url, content);
    expect(status).toBe(201);
    const { file } = JSON.parse(body.toString()) as { file: string };
    for (const index of balanced.hosts.keys()) {
      const answer = await get(`${balanced.urlOfHost(index)}/${file}`);
      expect([answer.status, answer.body.equals(content)]).toEqual([200, true]);
    }
  });

  test('readiness passes through the web server of a host', async () => {
    const ask = async (): Promise<number> => (await get(`${balanced.urlOfHost(0)}/ready`)).status;
    expect(await ask()).toBe(200);
    const app = balanced.hosts[0]?.app;
    await app?.end('SIGTERM');
    expect(await ask()).toBe(502);
    await app?.start();
    await until(async () => (await ask()) === 200);
  });

  test('while one host is killed and comes back, no acknowledged upload is lost or a 404', async () => {
    const load = await balanced.runLoadWhileHostIsKilled();
    console.log(explainLoad(load.counts));
    expect(load.sent('upload')).toBeGreaterThanOrEqual(500);
    expect(load.sent('read')).toBeGreaterThanOrEqual(2_000);
    expect(load.total('read 404')).toBe(0);
    expect(load.total('read other bytes')).toBe(0);
    expect(listUnexplained(load.counts, 'one down')).toEqual([]);
    await balanced.expectAllEverywhere(load);
  }, 600_000);
}
