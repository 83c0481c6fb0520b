import express from 'express';
import request from 'supertest';
import { beforeEach, expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/create-admin.js';
import { SyncMediaError } from '../../src/model/errors.js';
import { RecordingInstance } from './recording-instance.js';

const token = 'a-token-of-these-tests-0123456789abcdef';
let sync: RecordingInstance;
beforeEach(() => {
  sync = new RecordingInstance();
});
const scrape = (): request.Test =>
  request(express().use('/admin', createAdmin(sync, { token, log: silent }))).get('/admin/metrics');
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

test('a scrape gets the text with the type of prom-client', async () => {
  const answer = await scrape().set('Authorization', `Bearer ${token}`);
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(answer.text).toBe('# HELP syncmedia_x A line.\n');
});

test('a scrape may send the token as the password of Basic', async () => {
  expect((await scrape().auth('prometheus', token)).status).toBe(200);
});

test('a scrape without the token gets nothing', async () => {
  expect((await scrape()).status).toBe(401);
  expect((await scrape().set('Authorization', `Bearer ${token}x`)).status).toBe(401);
  expect(sync.calls).toEqual([]);
});

test('a scrape without prom-client is told what to install', async () => {
  sync.fail = new SyncMediaError('NO_PROM_CLIENT', 'prom-client cannot be loaded');
  const answer = await scrape().set('Authorization', `Bearer ${token}`);
  expect(answer.status).toBe(501);
  expect(answer.body).toMatchObject({ error: { code: 'NO_PROM_CLIENT' } });
  expect(JSON.stringify(answer.body)).toContain('npm install prom-client');
});
