import express from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/create-admin.js';
import { SyncMediaError } from '../../src/model/errors.js';
import { RecordingInstance } from './recording-instance.js';

const token = 't'.repeat(32);
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
function open(options: { readOnly?: boolean } = {}) {
  const sync = new RecordingInstance();
  const app = express().use('/sync-admin', createAdmin(sync, { token, log: silent, ...options }));
  const ask = (method: 'get' | 'post' | 'head', path: string) =>
    request(app)[method](`/sync-admin${path}`).set('Authorization', `Bearer ${token}`);
  return { sync, ask };
}

const revision = 'a1b2c3d4'.repeat(5);
const query = { path: 'uploads/a.jpg', at: '2026-01-03' };

test('lists the versions of a file with date, host, document, person and size', async () => {
  const { sync, ask } = open();
  const answer = await ask('get', '/history').query({ path: query.path, limit: 7 }).expect(200);
  expect(answer.body).toMatchObject({
    versions: [
      {
        at: '2026-01-02T03:04:05.000Z',
        hostname: 'web1',
        savedBy: { model: 'Photo', id: '7' },
        author: 'Ada',
        info: { size: 0 },
        revision,
      },
    ],
  });
  expect(sync.calls).toEqual([['history.list', query.path, 7]]);
  await ask('get', '/history').expect(400);
  await ask('get', '/history').query({ path: query.path, limit: 1_001 }).expect(400);
});

test('a version that is a picture by its bytes is shown, in whatever chunks it comes', async () => {
  const { sync, ask } = open();
  const head = Buffer.from('89504e470d0a1a0a', 'hex');
  sync.versionBytes = [head.subarray(0, 3), head.subarray(3), Buffer.alloc(50, 7), Buffer.of(8)];
  const answer = await ask('get', '/history/content').query(query).expect(200);
  expect(answer.headers).toMatchObject({
    'content-type': 'image/png',
    'content-length': '59',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  expect(answer.headers).not.toHaveProperty('content-disposition');
  expect(answer.body).toEqual(Buffer.concat(sync.versionBytes));
  // What was found by the time is what is read, also if a newer version comes between.
  expect(sync.calls).toEqual([
    ['history.show', query.path, query.at],
    ['history.read', query.path, revision],
  ]);
});

test.each([
  ['an HTML file', '<script>alert(1)</script>'],
  ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'],
  ['an empty file', ''],
])('%s is only there to be saved, whatever its name says', async (_what, text) => {
  const { sync, ask } = open();
  sync.versionBytes = [Buffer.from(text)];
  const answer = await ask('get', '/history/content').query(query).buffer(true).expect(200);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-disposition': "attachment; filename*=UTF-8''a.jpg",
    'x-content-type-options': 'nosniff',
  });
  expect((answer.body as Buffer).toString()).toBe(text);
});

test('a version whose bytes are damaged never looks complete', async () => {
  const { sync, ask } = open();
  sync.versionBytes = [Buffer.alloc(100, 1), Buffer.alloc(100, 2)];
  sync.damaged = new Error('other bytes');
  await expect(ask('get', '/history/content').query(query)).rejects.toThrow(/aborted|hang up/);
});

test('HEAD reads no version', async () => {
  const { sync, ask } = open();
  let hasBegun = false;
  sync.versionBytes = new Proxy([Buffer.of(1)], {
    get(target, key): unknown {
      if (key === Symbol.iterator) hasBegun = true;
      return Reflect.get(target, key);
    },
  });
  await ask('head', '/history/content').query(query).expect(200);
  expect(hasBegun).toBe(false);
});

test('a restore shows what it would do, and counts for what was shown', async () => {
  const { sync, ask } = open();
  const shown = await ask('get', '/history/restore').query(query).expect(200);
  const { current } = (shown.body as { restore: { current: { sha256: string } } }).restore;
  const body = { path: query.path, at: revision, current: current.sha256 };
  const done = await ask('post', '/history/restore').send(body).expect(200);
  expect([shown.body, done.body]).toMatchObject([
    { restore: { dryRun: true, hosts: ['web1', 'web2'] } },
    { restore: { dryRun: false } },
  ]);
  expect(sync.calls).toEqual([
    ['history.restore', query.path, query.at],
    [
      'history.restore',
      query.path,
      revision,
      {
        current: current.sha256,
        dryRun: false,
        by: expect.stringContaining('through the router') as unknown,
      },
    ],
  ]);
  sync.fail = new SyncMediaError('CHANGED', 'uploads/a.jpg has other bytes');
  await ask('post', '/history/restore')
    .send({ ...body, current: null })
    .expect(409);
});

test('a sync dir is restored by a run, which is dry unless it is confirmed', async () => {
  const { sync, ask } = open();
  const body = { dir: 'uploads', at: '2026-01-03' };
  const answer = await ask('post', '/history/restore-dir').send(body).expect(202);
  expect(answer.body).toMatchObject({ run: { kind: 'restore' } });
  expect(answer.headers.location).toContain('runs/r1');
  const confirmed = { dryRun: false, before: '2026-01-04T12:00:00.000Z' };
  await ask('post', '/history/restore-dir')
    .send({ ...body, ...confirmed })
    .expect(202);
  const by = expect.stringContaining('through the router') as unknown;
  expect(sync.calls).toEqual(
    [{ dryRun: true }, confirmed].map((how) => [
      'history.restoreDir',
      'uploads',
      body.at,
      { ...how, by },
    ]),
  );
});

test('a read-only router shows what a restore would do, and restores nothing', async () => {
  const { sync, ask } = open({ readOnly: true });
  await ask('get', '/history/restore').query(query).expect(200);
  const refused = await ask('post', '/history/restore').send(query).expect(403);
  expect(refused.body).toMatchObject({ error: { code: 'FORBIDDEN' } });
  expect(sync.calls).toEqual([['history.restore', query.path, query.at]]);
});

test.each([
  [400, 'BAD_OPTION'],
  [404, 'NOT_RECORDED'],
  [409, 'NO_HISTORY'],
] as const)('answers %s for %s', async (status, code) => {
  const { sync, ask } = open();
  sync.fail = new SyncMediaError(code, 'x');
  for (const path of ['/history', '/history/content', '/history/restore'])
    await ask('get', path)
      .query(path === '/history' ? { path: query.path } : query)
      .expect(status);
});

test.each([{ path: 'uploads/a.jpg' }, { at: revision }, { ...query, dryRun: false }])(
  'refuses to restore by %j',
  async (body) => {
    const { ask } = open();
    await ask('post', '/history/restore').send(body).expect(400);
  },
);
