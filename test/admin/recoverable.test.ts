import express from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/create-admin.js';
import { makeRun, RecordingInstance } from './recording-instance.js';

const token = 't'.repeat(32);
function open() {
  const sync = new RecordingInstance();
  const app = express().use('/sync-admin', createAdmin(sync, { token }));
  const ask = (method: 'get' | 'post', path: string) =>
    request(app)[method](`/sync-admin${path}`).set('Authorization', `Bearer ${token}`);
  return { sync, ask };
}

test('lists recoverable files and halted removals', async () => {
  const { ask } = open();
  expect((await ask('get', '/trash')).body).toMatchObject({
    files: [{ keptAs: '.syncmedia/trash/x/a.jpg' }],
  });
  expect((await ask('get', '/conflicts')).status).toBe(200);
  expect((await ask('get', '/removals')).body).toMatchObject({
    removals: [{ host: 'web1', dir: 'uploads', failure: { code: 'REMOVALS_HALTED' } }],
  });
});

const decision = (given: object): object => ({
  shown: {},
  ...given,
  by: expect.stringContaining('through the router') as unknown,
});

test('restores and decides', async () => {
  const { sync, ask } = open();
  await ask('post', '/trash/restore')
    .send({ dir: 'uploads', keptAs: '.syncmedia/trash/x/a.jpg' })
    .expect(200);
  await ask('post', '/removals/approve').send({ dir: 'uploads' }).expect(200);
  await ask('post', '/removals/reject')
    .send({ dir: 'uploads', host: 'web1', count: 30 })
    .expect(200);
  expect(sync.calls).toEqual([
    ['recoverable.restore', 'uploads', '.syncmedia/trash/x/a.jpg', decision({})],
    ['removals.decide', 'uploads', 'approved', undefined, undefined],
    ['removals.decide', 'uploads', 'rejected', 'web1', 30],
  ]);
});

test('compares, restores and discards a conflict', async () => {
  const { sync, ask } = open(),
    named = { dir: 'uploads', keptAs: '.syncmedia/conflicts/x/a.jpg' };
  expect((await ask('get', '/conflicts/compare').query(named)).body).toMatchObject({
    conflict: { path: 'uploads/a.jpg', identical: false },
  });
  for (const name of ['restore', 'use', 'discard', 'drop'])
    await ask('post', `/conflicts/${name}`).send(named).expect(200);
  const { dir, keptAs } = named;
  expect(sync.calls).toEqual([
    ['conflicts.compare', dir, keptAs, undefined],
    ...['restore', 'restore', 'discard', 'discard'].map((name) => [
      `conflicts.${name}`,
      dir,
      keptAs,
      decision({}),
    ]),
  ]);
});

test('a decision about another host goes along with what was shown, and its run is answered', async () => {
  const { sync, ask } = open();
  sync.restoreRun = makeRun({ kind: 'restore', at: 'h2' });
  const shown = { kept: 'a'.repeat(64), current: null };
  const body = { dir: 'uploads', keptAs: '.syncmedia/conflicts/x/a.jpg', host: 'web2', ...shown };
  const answer = await ask('post', '/conflicts/use').send(body).expect(202);
  expect(answer.body).toMatchObject({ run: { kind: 'restore', at: 'h2' } });
  expect(answer.headers.location).toContain('runs/r1');
  expect(sync.calls).toEqual([
    ['conflicts.restore', body.dir, body.keptAs, decision({ host: 'web2', shown })],
  ]);
});

test('the content of a conflict is a picture by its bytes, or nothing', async () => {
  const { sync, ask } = open();
  const query = { dir: 'uploads', keptAs: '.syncmedia/conflicts/x/a.jpg', side: 'kept' };
  await ask('get', '/conflicts/content').query(query).expect(415);
  sync.picture = { type: 'image/png', bytes: Buffer.from('89504e47', 'hex') };
  const answer = await ask('get', '/conflicts/content').query({ ...query, host: 'web2' });
  expect(answer.headers).toMatchObject({
    'content-type': 'image/png',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  expect(answer.body).toEqual(sync.picture.bytes);
  expect(sync.calls.at(-1)).toEqual([
    'conflicts.readPicture',
    query.dir,
    query.keptAs,
    'kept',
    'web2',
  ]);
  await ask('get', '/conflicts/content')
    .query({ ...query, side: 'both' })
    .expect(400);
});

test.each([
  ['/conflicts/discard', { keptAs: 'x' }],
  ['/trash/restore', { dir: 'uploads' }],
  ['/removals/approve', {}],
  ['/removals/approve', { dir: 'uploads', all: true }],
])('refuses a malformed %s', async (path, body) => {
  const { ask } = open();
  expect((await ask('post', path).send(body)).body).toMatchObject({
    error: { code: 'BAD_REQUEST' },
  });
});
