import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dir, openSite, threeOf, type Machine, type Site } from '../flow/site.js';
import { until } from '../harness/wait.js';
import { startWeb, type Web } from './web.js';

let site: Site, one: Machine, two: Machine, web: Web;
beforeAll(async () => {
  site = await openSite();
  [one, two] = threeOf(site);
  // Nothing is delivered to two: it has to fetch missing files.
  await one.app.sync.hosts.edit('two', { status: 'paused' });
  await until(async () => (await two.app.sync.hosts.show('two')).status === 'paused');
  await Promise.all(site.machines.map(({ app }) => app.sync.status()));
  web = await startWeb((app) => {
    app.use('/uploads', two.app.sync.serve('uploads'));
  });
});
afterAll(async () => {
  await web.close();
  await site.close();
});

/** Asks, and goes away once so many bytes have come. */
async function abort(
  path: string,
  {
    method = 'GET',
    range,
    bytes,
    slow = false,
  }: { method?: string; range?: string; bytes: number; slow?: boolean },
): Promise<void> {
  const socket = connect(Number(new URL(web.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    `${method} ${path} HTTP/1.1\r\nHost: ` +
      `x\r\n${range === undefined ? '' : `Range: ${range}\r\n`}\r\n`,
  );
  let got = 0;
  await new Promise<void>((resolve) => {
    if (bytes === 0)
      socket.once('connect', () => {
        resolve();
      });
    socket.once('close', () => {
      resolve();
    });
    socket.on('data', (data: Buffer) => {
      if ((got += data.length) >= bytes) resolve();
    });
  });
  if (slow) {
    socket.pause();
    await web.get(path);
  }
  socket.destroy();
  if (!socket.closed) await once(socket, 'close');
}

/** Files of this host's uploads that this process has open. */
async function listOpen(): Promise<string[]> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((number) =>
      readlink(`/proc/self/fd/${number}`).catch(() => ''),
    ),
  );
  return links.filter((link) => link.startsWith(two.path(dir)));
}

test.skipIf(!existsSync('/proc/self/fd'))(
  'visitors who go away during a fetch break it for no other, and leave nothing open (skipped where there is no /proc)',
  async () => {
    for (let round = 0; round < 8; round++) {
      const file = `${dir}/film-${round}.bin`,
        content = randomBytes(6 * 1024 * 1024);
      await one.write(file, content);
      await one.app.Photo.create({ title: file, file });
      await until(async () => (await one.app.sync.statusOf(file)).files[0]?.version);
      const path = `/${file}`;
      const [whole, part] = await Promise.all([
        web.get(path),
        web.get(path, { headers: { Range: 'bytes=3000000-3999999' } }),
        abort(path, { bytes: 0 }),
        abort(path, { bytes: 1 }),
        abort(path, { bytes: 2_000_000 }),
        abort(path, { bytes: 1, slow: true }),
        abort(path, { range: 'bytes=5000000-', bytes: 0 }),
        abort(path, { range: 'bytes=1000-', bytes: 100_000 }),
        abort(path, { method: 'HEAD', bytes: 0 }),
      ]);
      expect([whole.status, whole.broken, whole.body.equals(content)]).toEqual([200, false, true]);
      expect([
        part.status,
        part.broken,
        part.body.equals(content.subarray(3_000_000, 4_000_000)),
      ]).toEqual([206, false, true]);
      await until(async () => (await two.read(file)) !== undefined);
    }
    await until(async () => (await listOpen()).length === 0);
    expect(await two.listArea('tmp')).toEqual([]);
  },
  120_000,
);
