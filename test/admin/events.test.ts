import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import compression from 'compression';
import express, { type Express } from 'express';
// @ts-expect-error: the alias has no types of its own; what is used of it here is the same in both.
import express4 from 'express4';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AdminOptions } from '../../src/admin/admin-options.js';
import { createAdmin } from '../../src/admin/create-admin.js';
import { EventStreams } from '../../src/admin/events/event-streams.js';
import { SessionSeal } from '../../src/admin/session/session-seal.js';
import { SyncMediaError } from '../../src/model/errors.js';
import { until } from '../harness/wait.js';
import { EventClient } from './event-client.js';
import { makeHostOverview, makeOverview, RecordingInstance } from './recording-instance.js';

const token = 'a-token-of-these-tests-0123456789abcdef';
const bearer = { Authorization: `Bearer ${token}` };
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
type Tuning = ConstructorParameters<typeof EventStreams>[1];

let sync: RecordingInstance;
let server: Server;
let streams: EventStreams;
const clients: EventClient[] = [];
beforeEach(() => {
  sync = new RecordingInstance();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await streams.close();
  if (server.listening) await new Promise((resolve) => server.close(resolve));
});

async function serve(
  { options = { token }, tuning }: { options?: AdminOptions; tuning?: Tuning } = {},
  app: Express = express(),
): Promise<void> {
  streams = new EventStreams(() => sync.overview(), { pollMs: 10, ...tuning });
  app.use('/sync-admin', createAdmin(sync, { log: silent, ...options }, streams));
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
}
const addressOf = (query = ''): string =>
  `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/sync-admin/events${query}`;

async function open(query = '', headers: Record<string, string> = bearer): Promise<EventClient> {
  const client = await EventClient.open(addressOf(query), headers);
  clients.push(client);
  return client;
}

const web2 = makeHostOverview({ id: 'h2', hostname: 'web2', thisHost: false, oldestSeconds: 3 });
const behind = makeHostOverview({ ...web2, state: 'behind', oldestSeconds: 61 });

describe('what a client gets', () => {
  test('the overview first, in a stream that nothing on the way holds back', async () => {
    await serve();
    const client = await open();
    expect([client.status, client.headers]).toMatchObject([
      200,
      {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
        'x-content-type-options': 'nosniff',
      },
    ]);
    const { id, data } = await client.waitFor('overview');
    expect([id, data]).toMatchObject(['o1', { headline: 'Everything is everywhere' }]);
  });

  test('then only what has changed, without ages, which grow by themselves', async () => {
    sync.overviewNow = makeOverview({ hosts: [makeHostOverview(), web2] });
    await serve();
    const client = await open();
    await client.waitFor('overview');
    const at = new Date('2026-01-02T03:05:00Z');
    sync.overviewNow = makeOverview({
      at,
      id: 'o2',
      headline: '1 of 2 hosts lacks files',
      captures: { count: { count: 0, capped: false }, oldestSeconds: 9 },
      hosts: [makeHostOverview({ deliveredSecondsAgo: 60 }), behind],
    });
    expect(await client.waitFor('change')).toEqual({
      name: 'change',
      id: 'o2',
      data: {
        at: at.toISOString(),
        id: 'o2',
        headline: '1 of 2 hosts lacks files',
        hosts: [JSON.parse(JSON.stringify(behind))],
      },
    });
    sync.overviewNow = { ...sync.overviewNow, id: 'o3', hosts: [behind, makeHostOverview()] };
    expect(await client.waitFor('change', 2)).toMatchObject({ data: { order: ['h2', 'h1'] } });
    sync.overviewNow = { ...sync.overviewNow, id: 'o4', hosts: [makeHostOverview()] };
    const { data } = await client.waitFor('change', 3);
    expect(data).toEqual({ at: at.toISOString(), id: 'o4', order: ['h1'] });
  });

  test('whether the database answers, with every change', async () => {
    await serve();
    const client = await open();
    await client.waitFor('overview');
    sync.overviewNow = makeOverview({
      id: 'o2',
      unavailable: { since: new Date(), code: 'NO_CONNECTION', message: 'gone', remedy: 'wait' },
    });
    expect(await client.waitFor('change')).toMatchObject({
      data: { unavailable: { code: 'NO_CONNECTION' } },
    });
    sync.overviewNow = makeOverview({ id: 'o3' });
    const { data } = await client.waitFor('change', 2);
    expect(data).not.toHaveProperty('unavailable');
  });

  test('nothing again that it has: the id of its last event still holds', async () => {
    await serve();
    const client = await open('', { ...bearer, 'Last-Event-ID': 'o1' });
    sync.overviewNow = makeOverview({ id: 'o2', headline: 'something' });
    await client.waitFor('change');
    expect(client.events.map(({ name }) => name)).toEqual(['change']);
    const other = await open('', { ...bearer, 'Last-Event-ID': 'o1' });
    expect((await other.waitFor('overview')).id).toBe('o2');
  });

  test('the status of one file, as often as it changes', async () => {
    await serve();
    sync.found = { files: [] };
    const client = await open('?path=uploads%2Fa.jpg');
    expect(await client.waitFor('files')).toMatchObject({ data: { files: [] } });
    sync.found = {
      files: [{ path: 'uploads/a.jpg', captured: true, heldBy: [], pending: [] }],
    };
    await until(() => client.events.filter(({ name }) => name === 'files').length === 2);
    expect(sync.calls).toContainEqual(['files.find', { path: 'uploads/a.jpg' }]);
  });

  test('pings, each with the time of the newest reading', async () => {
    await serve({ tuning: { pingMs: 20 } });
    const client = await open();
    const { data } = await client.waitFor('change');
    expect(data).toEqual({ at: '2026-01-02T03:04:05.000Z', id: 'o1' });
    expect(client.text).toContain('\n: ping\n\n');
  });

  test('at a ping the hosts whose ages began anew, which is no change by itself', async () => {
    const beats = makeHostOverview({ heartbeatSecondsAgo: 2, clockOffsetSeconds: 1.4 });
    const waits = makeHostOverview({ ...web2, nextTrySeconds: 10 });
    const grows = (seconds: number) =>
      makeHostOverview({
        id: 'h3',
        heartbeatSecondsAgo: seconds,
        clockOffsetSeconds: 1.4,
        nextTrySeconds: 90 - seconds,
      });
    const captures = { count: { count: 1, capped: false } };
    sync.overviewNow = makeOverview({
      hosts: [beats, waits, grows(2)],
      captures: { ...captures, oldestSeconds: 40 },
    });
    await serve({ tuning: { pingMs: 20 } });
    const client = await open();
    await client.waitFor('change');
    const minuteLater = {
      at: new Date('2026-01-02T03:05:05Z'),
      id: 'o2',
      hosts: [beats, { ...waits, oldestSeconds: 63, nextTrySeconds: 58 }, grows(62)],
      captures: { ...captures, oldestSeconds: 3 },
    };
    sync.overviewNow = makeOverview(minuteLater);
    const { data } = await until(() =>
      client.events.find((event) => event.name === 'change' && 'hosts' in (event.data as object)),
    );
    expect(data).toEqual({
      at: '2026-01-02T03:05:05.000Z',
      id: 'o2',
      hosts: minuteLater.hosts.slice(0, 2),
      captures: minuteLater.captures,
    });
  });

  test('one line for each datum, whatever is in names', async () => {
    const hostname = 'a\r\n\r\nevent: end\ndata: {}\n\n\u2028<script>';
    sync.overviewNow = makeOverview({ hosts: [makeHostOverview({ hostname })] });
    await serve();
    const client = await open();
    expect(await client.waitFor('overview')).toMatchObject({ data: { hosts: [{ hostname }] } });
    expect(client.events).toHaveLength(1);
  });

  test('one reading serves all clients', async () => {
    await serve({ tuning: { pollMs: 100 } });
    const opened = await Promise.all(Array.from({ length: 10 }, () => open()));
    await Promise.all(opened.map((client) => client.waitFor('overview')));
    // One for each request, which would say if it failed.
    expect(sync.calls.filter(([method]) => method === 'overview').length).toBeLessThan(20);
  });
});

describe('who gets no stream', () => {
  test('a stranger, another origin, a bad path, and everybody while the overview fails', async () => {
    await serve();
    const get = (query: string) => request(server).get(`/sync-admin/events${query}`);
    expect((await get('')).status).toBe(401);
    for (const query of ['?path=', '?path=a%0d%0ab', '?host=h1', '?__proto__=1'])
      expect((await get(query).set(bearer)).status).toBe(400);
    for (const headers of [{ 'Sec-Fetch-Site': 'same-site' }, { Origin: 'https://evil.example' }])
      expect((await get('').set(bearer).set(headers)).status).toBe(403);
    sync.fail = new SyncMediaError('NO_CONNECTION', 'no database');
    const { status, headers } = await get('').set(bearer);
    expect([status, headers['content-type']]).toEqual([503, 'application/json; charset=utf-8']);
  });

  test('HEAD gets the headers of one, and takes no place', async () => {
    await serve({ tuning: { maxStreams: 1 } });
    for (let times = 0; times < 3; times++) {
      const { status, headers } = await request(server).head('/sync-admin/events').set(bearer);
      expect([status, headers['content-type']]).toEqual([200, 'text/event-stream']);
    }
    expect((await open()).status).toBe(200);
  });

  test('more clients than the process serves, until one of them leaves', async () => {
    await serve();
    const opened = await Promise.all(Array.from({ length: 20 }, () => open()));
    await Promise.all(opened.map((client) => client.waitFor('overview')));
    const refused = await request(server).get('/sync-admin/events').set(bearer);
    expect([refused.status, refused.headers['retry-after'], refused.body]).toMatchObject([
      503,
      '30',
      { error: { code: 'TOO_MANY_STREAMS' } },
    ]);
    opened[3]!.close();
    await until(async () => (await open()).status === 200, { what: 'a free place' });
  });
});

describe('the end of a stream', () => {
  const endOf = async (client: EventClient) => {
    const { data } = await client.waitFor('end');
    await client.waitForEnd();
    return data;
  };

  test('comes with the end of the session', async () => {
    await serve();
    const almostOver = Date.now() - 12 * 60 * 60 * 1000 + 3_000;
    const seal = new SessionSeal(token, () => almostOver);
    const client = await open('', { Cookie: `${seal.cookieName}=${seal.seal('ada')}` });
    await client.waitFor('overview');
    expect(await endOf(client)).toEqual({ reason: 'signed out' });
  });

  test.each<[string, () => boolean]>([
    ['answers false', () => false],
    [
      'throws',
      () => {
        throw new Error('session store down');
      },
    ],
  ])('comes when authorize %s', async (_, authorize) => {
    let decide = (): boolean => true;
    await serve({ options: { authorize: () => decide() }, tuning: { pingMs: 20 } });
    const client = await open('', {});
    await client.waitFor('overview');
    decide = authorize;
    expect(await endOf(client)).toEqual({ reason: 'signed out' });
  });

  test('does not come because others guess tokens', async () => {
    await serve({ tuning: { pingMs: 20 } });
    const client = await open();
    const guess = () => request(server).get('/sync-admin/status').auth('x', 'wrong');
    await until(async () => (await guess()).status === 429, { what: 'the limit' });
    sync.overviewNow = makeOverview({ id: 'o2', headline: 'still there' });
    await until(() => client.events.some(({ id }) => id === 'o2'));
    expect(client.isOver).toBe(false);
  });

  test('comes when the instance closes, which takes no stream after that', async () => {
    await serve();
    const client = await open();
    await client.waitFor('overview');
    await streams.close();
    expect(await endOf(client)).toEqual({ reason: 'closing' });
    const refused = await request(server).get('/sync-admin/events').set(bearer);
    expect([refused.status, refused.body]).toMatchObject([503, { error: { code: 'CLOSED' } }]);
  });

  test('comes when the server closes, so that the application can end', async () => {
    await serve();
    const client = await open();
    await client.waitFor('overview');
    const closed = new Promise((resolve) => server.close(resolve));
    expect(await endOf(client)).toEqual({ reason: 'closing' });
    await closed;
  });

  test('comes when the overview can no longer be read', async () => {
    await serve();
    const client = await open();
    await client.waitFor('overview');
    sync.fail = new SyncMediaError('CLOSED', 'closed');
    expect(await endOf(client)).toEqual({ reason: 'closing' });
  });
});

describe('a client that reads slowly', () => {
  /** More than the buffers of two sockets hold. */
  const large = Array.from({ length: 2_000 }, (_, index) => ({
    at: new Date('2026-01-02T03:04:00Z'),
    text: `${String(index)} ${'x'.repeat(1_000)}`,
  }));
  const grow = async (client: EventClient): Promise<number> => {
    client.pause();
    let number = 0;
    const timer = setInterval(() => {
      number++;
      sync.overviewNow = makeOverview({
        id: `n${String(number)}`,
        headline: String(number),
        recent: [{ at: new Date(), text: String(number) }, ...large],
      });
    }, 5);
    await until(() => number > 100);
    clearInterval(timer);
    return number;
  };

  test('gets the newest state, and nothing is kept for it', async () => {
    await serve();
    const client = await open();
    await client.waitFor('overview');
    const newest = await grow(client);
    client.resume();
    await until(() => client.events.some(({ id }) => id === `n${String(newest)}`));
    expect(client.events.length).toBeLessThan(newest / 2);
  });

  test('is disconnected if it reads nothing at all, and loses its place', async () => {
    await serve({ tuning: { stuckMs: 200, maxStreams: 1 } });
    const client = await open();
    await client.waitFor('overview');
    await grow(client);
    await until(async () => (await open()).status === 200, { what: 'a free place' });
  });
});

describe('on the way', () => {
  test.each<[string, Express]>([
    ['Express 5', express()],
    ['Express 4', (express4 as typeof express)()],
  ])('compression() of %s holds no event back', async (_, app) => {
    await serve({}, app.use(compression({ threshold: 0 })));
    const client = await open('', { ...bearer, 'Accept-Encoding': 'gzip, br' });
    expect(client.headers['content-encoding']).toBeUndefined();
    await client.waitFor('overview');
    sync.overviewNow = makeOverview({ id: 'o2', headline: 'later' });
    await client.waitFor('change');
  });
});
