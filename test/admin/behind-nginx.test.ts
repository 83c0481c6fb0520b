import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTestProgram } from '../../scripts/test-programs.mjs';
import { createAdmin } from '../../src/admin/create-admin.js';
import { EventStreams } from '../../src/admin/events/event-streams.js';
import type { Daemon } from '../harness/daemon.js';
import { startNginx } from '../serving/nginx.js';
import { EventClient } from './event-client.js';
import { makeOverview, RecordingInstance } from './recording-instance.js';

const program = await findTestProgram('nginx');
const token = 'a-token-of-these-tests-0123456789abcdef';
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe.skipIf(program === undefined)(
  'behind nginx that removes a prefix (where there is no nginx: node scripts/setup.mjs --for tests)',
  () => {
    const sync = new RecordingInstance();
    const streams = new EventStreams(() => sync.overview(), { pollMs: 10 });
    let server: Server, nginx: Daemon, url: string;
    beforeAll(async () => {
      const page = [{ name: 'index.html', type: 'text/html', text: '<p>' }];
      const admin = createAdmin(sync, { token, log: silent }, streams, async () => page);
      server = express().use('/sync-admin', admin).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      // Nothing is set for streams; gzip, as many sites have it.
      nginx = await startNginx(
        program ?? '',
        (own) => `gzip on; gzip_types text/event-stream application/json; gzip_proxied any;
          server {
            listen 127.0.0.1:${String(own)};
            location /a/b/ { proxy_pass http://127.0.0.1:${String(port)}/; }
          }`,
      );
      url = `http://127.0.0.1:${String(nginx.port)}/a/b/sync-admin`;
    });
    afterAll(async () => {
      await streams.close();
      await nginx.close();
      await new Promise((resolve) => server.close(resolve));
    });

    test('events arrive at once', async () => {
      const client = await EventClient.open(`${url}/events`, {
        Authorization: `Bearer ${token}`,
        'Accept-Encoding': 'gzip',
      });
      await client.waitFor('overview');
      sync.overviewNow = makeOverview({ id: 'o2', headline: 'later' });
      await client.waitFor('change');
      client.close();
    });

    test('relative addresses lead to the router', async () => {
      const html = await request(url).get('').set('Accept', 'text/html');
      expect([html.status, new URL(html.headers.location ?? '', url).href]).toEqual([
        302,
        `${url}/`,
      ]);
      for (const [path, body, created] of [
        ['/push', {}, '/runs/r1'],
        ['/hosts/init', {}, '/hosts/h1'],
      ] as const) {
        const answer = await request(url).post(path).auth('ops', token).send(body);
        expect(new URL(answer.headers.location ?? '', `${url}${path}`).href).toBe(
          `${url}${created}`,
        );
      }
    });

    test('a session begins and holds', async () => {
      const headers = { Origin: new URL(url).origin.replace('http:', 'https:') };
      const answer = await request(url)
        .post('/session')
        .set({ 'Sec-Fetch-Site': 'same-origin', ...headers })
        .send({ token });
      const [cookie = ''] = answer.get('Set-Cookie') ?? [];
      expect(cookie).toMatch(/Secure/);
      expect(cookie).not.toMatch(/path/i);
      const held = await request(url)
        .get('/status')
        .set('Cookie', cookie.split(';')[0] ?? '');
      expect(held.status).toBe(200);
    });
  },
);
