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
const by: unknown = expect.stringMatching(/^somebody through the router, from /);
const post = (path: string, body: object): request.Test =>
  request(express().use('/admin', createAdmin(sync, { token })))
    .post(`/admin${path}`)
    .set('Authorization', `Bearer ${token}`)
    .send(body);

test('a verification repairs only if the request says so', async () => {
  expect((await post('/verify', { hosts: ['web2'], repair: true })).status).toBe(202);
  expect((await post('/verify', {})).status).toBe(202);
  expect(sync.calls).toEqual([
    ['verify', { hosts: ['web2'], repair: true, by }],
    ['verify', { by }],
  ]);
});

test('an adoption is a dry run unless the request says otherwise', async () => {
  expect((await post('/adopt', {})).body).toMatchObject({ run: { kind: 'adopt', dryRun: true } });
  await post('/adopt', { dryRun: false });
  expect(sync.calls).toEqual([
    ['adopt', { by }],
    ['adopt', { dryRun: false, by }],
  ]);
});

test('a verification refuses unknown fields', async () => {
  expect((await post('/verify', { dryRun: true })).status).toBe(400);
  expect((await post('/push', { repair: true })).status).toBe(400);
  expect(sync.calls).toEqual([]);
});

test.each(['push', 'pull', 'verify', 'adopt'])(
  'a %s keeps the name of the person who signed in',
  async (kind) => {
    const app = express().use('/admin', createAdmin(sync, { token }));
    const signIn = await request(app).post('/admin/session').send({ token, name: 'ada' });
    const answer = await request(app)
      .post(`/admin/${kind}`)
      .set('Cookie', signIn.get('Set-Cookie')?.[0]?.split(';')[0] ?? '')
      .send({});
    expect(answer.status).toBe(202);
    expect(sync.calls.at(-1)).toEqual([
      kind,
      { by: expect.stringMatching(/^"ada" through the router, from /) as unknown },
    ]);
  },
);

test('a run keeps the name that the application gives', async () => {
  const admin = createAdmin(sync, { authorize: () => true, nameOf: () => 'grace' });
  await request(express().use('/admin', admin)).post('/admin/push').send({});
  expect(sync.calls).toEqual([
    ['push', { by: expect.stringMatching(/^"grace" through the router, from /) as unknown }],
  ]);
});
