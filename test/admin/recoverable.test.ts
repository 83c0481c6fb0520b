import express from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/create-admin.js';
import { RecordingInstance } from './recording-instance.js';

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

test('restores and decides', async () => {
  const { sync, ask } = open();
  await ask('post', '/trash/restore')
    .send({ dir: 'uploads', keptAs: '.syncmedia/trash/x/a.jpg' })
    .expect(200);
  await ask('post', '/removals/approve').send({ dir: 'uploads' }).expect(200);
  await ask('post', '/removals/reject').send({ dir: 'uploads', host: 'web1' }).expect(200);
  expect(sync.calls).toEqual([
    ['recoverable.restore', 'uploads', '.syncmedia/trash/x/a.jpg'],
    ['removals.decide', 'uploads', 'approved', undefined],
    ['removals.decide', 'uploads', 'rejected', 'web1'],
  ]);
});

test('compares, restores and discards a conflict', async () => {
  const { sync, ask } = open(),
    named = { dir: 'uploads', keptAs: '.syncmedia/conflicts/x/a.jpg' };
  expect((await ask('get', '/conflicts/compare').query(named)).body).toMatchObject({
    conflict: { path: 'uploads/a.jpg', identical: false },
  });
  await ask('post', '/conflicts/restore').send(named).expect(200);
  await ask('post', '/conflicts/discard').send(named).expect(200);
  expect(sync.calls).toEqual(
    ['compare', 'restore', 'discard'].map((name) => [`conflicts.${name}`, named.dir, named.keptAs]),
  );
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
