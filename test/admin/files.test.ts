import express from 'express';
import request from 'supertest';
import { beforeEach, expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/create-admin.js';
import { RecordingInstance } from './recording-instance.js';

const token = 'a-token-of-these-tests-0123456789abcdef';
let sync: RecordingInstance;
beforeEach(() => {
  sync = new RecordingInstance();
});
const ask = (method: 'get' | 'post' | 'delete', path: string): request.Test =>
  request(express().use('/admin', createAdmin(sync, { token })))
    [method](`/admin${path}`)
    .set('Authorization', `Bearer ${token}`);

test('files are asked for as the query says, and the next page is named', async () => {
  const answer = await ask('get', '/files').query({ contains: 'a%', missing: 'true', limit: 5 });
  expect(answer.body).toMatchObject({ files: [{ path: 'uploads/a.jpg' }], next: 'uploads/a.jpg' });
  await ask('get', '/files').query({ document: 'Photo/a/b', missing: 'false' }).expect(200);
  expect(sync.calls).toEqual([
    ['files.find', { contains: 'a%', missing: true, limit: 5 }],
    ['files.find', { document: { model: 'Photo', id: 'a/b' } }],
  ]);
  for (const query of ['?document=Photo', '?missing=yes', '?limit=201', '?limit=1e1', '?after=']) {
    await ask('get', `/files${query}`).expect(400);
  }
});

test('deliveries are retried, models listed, hosts tested and their changes previewed', async () => {
  await ask('post', '/files/retry').send({ path: 'uploads/a.jpg', host: 'web2' }).expect(202);
  await ask('get', '/models').expect(200);
  await ask('post', '/hosts/web2/test').send({}).expect(200);
  await ask('get', '/hosts/web2/change?to=retired').expect(200);
  await ask('get', '/hosts/web2/change?to=approved').expect(400);
  await ask('get', '/doctor?host=web2').expect(200);
  const digest = 'd'.repeat(64);
  await ask('delete', '/hosts/web2').send({ digest, onlyHere: 1 }).expect(200);
  expect(sync.calls).toEqual([
    ['files.retry', { path: 'uploads/a.jpg', host: 'web2' }],
    ['models'],
    ['hosts.test', 'web2'],
    ['hosts.previewChange', 'web2', 'retired'],
    ['doctor', { host: 'web2' }],
    ['hosts.unregister', 'web2', { digest, onlyHere: 1 }],
  ]);
});

test('runs are listed by state and host; a full page says where the next one begins', async () => {
  const page = await ask('get', '/runs?state=failed&host=web2&limit=1').expect(200);
  const { next } = page.body as { next: string };
  expect(next).toMatch(/^\d+-r1$/);
  const rest = await ask('get', `/runs?after=${next}`).expect(200);
  expect(rest.body).not.toHaveProperty('next');
  expect(sync.calls).toEqual([
    ['runs.list', { state: 'failed', host: 'web2', limit: 1 }],
    ['runs.list', { after: next, limit: 50 }],
  ]);
  await ask('get', '/runs?state=lost').expect(400);
});
