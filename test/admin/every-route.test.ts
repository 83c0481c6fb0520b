import express from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import type { AdminOptions } from '../../src/admin/admin-options.js';
import type { AdminRoute } from '../../src/admin/admin-route.js';
import { createAdmin } from '../../src/admin/create-admin.js';
import { routes } from '../../src/admin/routes.js';
import { RecordingInstance } from './recording-instance.js';

// A route that is added later is held to the same rules.
const token = 'a-token-of-these-tests-0123456789abcdef';
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const sending = routes.filter(({ method }) => method !== 'GET');
const nameOf = ({ method, path }: AdminRoute): string => `${method} ${path}`;

async function send(
  { method, path }: AdminRoute,
  options: AdminOptions,
  headers: Record<string, string> = {},
): Promise<{ status: number; calls: RecordingInstance['calls'] }> {
  const sync = new RecordingInstance();
  const app = express().use('/admin', createAdmin(sync, { log: silent, ...options }));
  const verb = method.toLowerCase() as 'post' | 'patch' | 'delete';
  const { status } = await request(app)
    [verb](`/admin${path.replaceAll(/:\w+/g, 'web1')}`)
    .set({ Authorization: `Bearer ${token}`, ...headers })
    .send({});
  return { status, calls: sync.calls };
}

test.each(sending.map((route) => [nameOf(route), route] as const))(
  '%s is refused for a page of another origin',
  async (_, route) => {
    for (const headers of [
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
      { Origin: 'https://evil.example' },
    ] as Record<string, string>[])
      expect(await send(route, { token, authorize: () => 'approve' }, headers)).toEqual({
        status: 403,
        calls: [],
      });
  },
);

test.each(
  sending.filter((route) => !route.changesNothing).map((route) => [nameOf(route), route] as const),
)('%s is refused by a read-only router', async (_, route) => {
  expect(await send(route, { token, authorize: () => 'approve', readOnly: true })).toEqual({
    status: 403,
    calls: [],
  });
});

test.each(
  routes.filter((route) => !route.isPublic).map((route) => [nameOf(route), route] as const),
)('%s needs somebody who is admitted', async (_, route) => {
  const sync = new RecordingInstance();
  const app = express().use('/admin', createAdmin(sync, { log: silent, token }));
  const verb = route.method.toLowerCase() as 'get' | 'post' | 'patch' | 'delete';
  const path = route.path.replaceAll(/:\w+/g, 'web1');
  const { status } = await request(app)[verb](`/admin${path}`).send({});
  expect([status, sync.calls]).toEqual([401, []]);
});
