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
const post = (path: string, body: object): request.Test =>
  request(express().use('/admin', createAdmin(sync, { token })))
    .post(`/admin${path}`)
    .set('Authorization', `Bearer ${token}`)
    .send(body);

test('a verification repairs only if the request says so', async () => {
  expect((await post('/verify', { hosts: ['web2'], repair: true })).status).toBe(202);
  expect((await post('/verify', {})).status).toBe(202);
  expect(sync.calls).toEqual([
    ['verify', { hosts: ['web2'], repair: true, by: 'admin' }],
    ['verify', { by: 'admin' }],
  ]);
});

test('an adoption is a dry run unless the request says otherwise', async () => {
  expect((await post('/adopt', {})).body).toMatchObject({ run: { kind: 'adopt', dryRun: true } });
  await post('/adopt', { dryRun: false });
  expect(sync.calls).toEqual([
    ['adopt', { by: 'admin' }],
    ['adopt', { dryRun: false, by: 'admin' }],
  ]);
});

test('a verification refuses unknown fields', async () => {
  expect((await post('/verify', { dryRun: true })).status).toBe(400);
  expect((await post('/push', { repair: true })).status).toBe(400);
  expect(sync.calls).toEqual([]);
});
