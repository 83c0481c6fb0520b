import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSyncMedia } from '../../src/instance/create.js';
import {
  dir,
  openSite,
  threeOf,
  untilNothingPending,
  type Machine,
  type Site,
} from '../flow/site.js';
import { until } from '../harness/wait.js';
import { startWeb, type Web } from './web.js';

const token = 'a-token-that-is-long-enough-for-the-router';
let site: Site, one: Machine, two: Machine, web: Web;
beforeAll(async () => {
  site = await openSite();
  [one, two] = threeOf(site);
  web = await startWeb((app) => {
    app.use('/sync-admin', one.app.sync.admin({ token }));
    app.use('/ready', two.app.sync.ready({ maxFiles: 0 }));
  });
});
afterAll(async () => {
  await web.close();
  await site.close();
});

const ask = async (path: string): Promise<{ status: number; body: never }> => {
  const { status, body } = await web.get(`/sync-admin${path}`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  return { status, body: JSON.parse(body.toString()) as never };
};

describe('the files of a document', () => {
  test('are shown with version, holders, and pending hosts, each since when and why', async () => {
    await two.ssh.stop({ hard: true });
    await one.write(`${dir}/a.jpg`, 'abc');
    const photo = await one.app.Photo.create({
      title: 'a',
      file: `https://cdn.example.com/${dir}/a.jpg`,
      thumbnail: 'not/a/file.jpg',
    });
    await until(async () => (await one.app.sync.statusOf(photo)).files[0]?.pending[0]?.failure, {
      timeout: 15_000,
    });
    const status = await one.app.sync.statusOf(photo);
    expect(status).toMatchObject({ model: 'Photo', id: String(photo._id) });
    expect(status.files).toHaveLength(1);
    const [file] = status.files;
    expect(file).toMatchObject({
      path: `${dir}/a.jpg`,
      captured: true,
      kind: 'file',
      size: 3,
      origin: { hostname: 'one' },
    });
    expect(file?.heldBy.map(({ hostname }) => hostname).sort()).toEqual(['one', 'three']);
    expect(file?.pending).toMatchObject([
      { hostname: 'two', blocked: false, failure: { code: 'HOST_UNREACHABLE' } },
    ]);
    expect(file?.pending[0]?.since).toEqual(file?.capturedAt);
    expect(file?.pending[0]?.failingSince).toBeInstanceOf(Date);

    const answered = await ask(`/documents/Photo/${String(photo._id)}`);
    expect(answered.status).toBe(200);
    expect(answered.body).toMatchObject({
      model: 'Photo',
      files: [{ path: `${dir}/a.jpg`, version: file?.version, pending: [{ hostname: 'two' }] }],
    });

    expect((await web.get('/ready')).status).toBe(503);
    await two.ssh.start();
    await untilNothingPending(site);
    expect((await one.app.sync.statusOf(photo)).files[0]?.pending).toEqual([]);
    await until(async () => (await web.get('/ready')).status === 200);
  });

  test('are shown even if only another host has one, or none captured it', async () => {
    await one.write(`${dir}/b.jpg`, 'b');
    const photo = await one.app.Photo.create({ title: 'b', file: `/${dir}/b.jpg` });
    await untilNothingPending(site);
    const there = await two.app.Photo.findById(photo._id);
    expect((await two.app.sync.statusOf(there ?? photo)).files).toMatchObject([
      { path: `${dir}/b.jpg`, captured: true },
    ]);
    expect((await one.app.sync.statusOf(`${dir}/never.jpg`)).files).toEqual([
      { path: `${dir}/never.jpg`, captured: false, heldBy: [], pending: [] },
    ]);
  });

  test('are not found without the document, and not shown without credentials', async () => {
    for (const path of [
      '/documents/Nobody/1',
      '/documents/Photo/000000000000000000000000',
      '/documents/Photo/not-an-id',
    ]) {
      const answered = await ask(path);
      expect([path, answered.status, answered.body]).toMatchObject([
        path,
        404,
        { error: { code: 'UNKNOWN_DOCUMENT' } },
      ]);
    }
    expect((await web.get('/sync-admin/documents/Photo/000000000000000000000000')).status).toBe(
      401,
    );
  });
});

describe('readiness', () => {
  test('is shown without credentials, and with nothing else', async () => {
    await untilNothingPending(site);
    for (const path of ['/sync-admin/healthz', '/sync-admin/readyz', '/ready']) {
      const answered = await until(async () => {
        const got = await web.get(path);
        return got.status === 200 && got;
      });
      expect([answered.headers['cache-control'], JSON.parse(answered.body.toString())]).toEqual([
        'no-store',
        { status: 'ok' },
      ]);
    }
    expect((await web.get('/sync-admin/healthz/')).status).toBe(401);
    expect((await web.get('/sync-admin/readyz', { method: 'POST' })).status).toBe(401);
  });

  test('is denied to a host that was never bootstrapped, and to a machine that was never initialised', async () => {
    // Paused, it is not bootstrapped at once.
    await site.database.connection
      .collection('syncmedia_hosts')
      .updateOne({ hostname: 'two' }, { $unset: { readyAt: 1 }, $set: { status: 'paused' } });
    await until(async () => !(await two.app.sync.isReady()));
    expect(await one.app.sync.isReady()).toBe(true);
    expect((await web.get('/ready')).status).toBe(503);
    const fresh = createSyncMedia({
      connection: one.app.connection,
      environment: { HOME: one.ssh.dir, SYNCMEDIA_STATE_DIR: `${one.ssh.dir}/fresh` },
    });
    expect(await fresh.isReady()).toBe(false);
    await fresh.close();
  });

  test('refuses limits that it does not know', () => {
    expect(() => one.app.sync.ready({ maxBehind: -1 })).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION' }),
    );
    expect(() => one.app.sync.ready({ max: 1 } as never)).toThrow(
      'syncReady: unknown option "max"; known are maxBehind, maxFiles.',
    );
  });
});
