import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import request from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Overview } from '../../src/api/overview.js';
import type { Run } from '../../src/model/run.js';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { compileProgram } from '../harness/compile.js';
import { until } from '../harness/wait.js';
import { EventClient } from './event-client.js';
import { startRoundRobin, type Proxy } from './round-robin.js';

/** Four workers on two hosts behind a load balancer that knows nothing of sessions. */
const token = 'a-token-of-these-tests-0123456789abcdef';
const program = compileProgram(new URL('admin-worker.ts', import.meta.url));
let site: Site, proxy: Proxy;
const workers: ChildProcess[] = [];

async function startWorker(machine: Machine): Promise<number> {
  const child = spawn(process.execPath, [program, site.database.uri, dir], {
    env: { ...process.env, ...machine.environment, SYNCMEDIA_ADMIN_TOKEN: token },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  workers.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const [, port] = /^listening (\d+)$/.exec(line) ?? [];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`a worker of ${machine.name} ended before it listened`);
}

async function endWorker(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'] });
  for (const { app } of site.machines) await app.close();
  const ports = [];
  for (const machine of [...site.machines, ...site.machines])
    ports.push(await startWorker(machine));
  proxy = await startRoundRobin(ports);
}, 120_000);
afterAll(async () => {
  for (const child of workers) await endWorker(child, 'SIGKILL');
  await proxy.close();
  await site.close();
});

let cookie: string;
const get = (path: string) => request(proxy.url).get(`/sync-admin${path}`).set('Cookie', cookie);
const post = (path: string, body: object) =>
  request(proxy.url).post(`/sync-admin${path}`).set('Cookie', cookie).send(body);

test('a session that one worker began holds at all others', async () => {
  const answer = await request(proxy.url).post('/sync-admin/session').send({ token, name: 'ada' });
  expect(answer.status).toBe(204);
  [cookie = ''] = answer.get('Set-Cookie')?.[0]?.split(';') ?? [];
  for (let times = 0; times < 8; times++)
    expect((await get('/session')).body).toMatchObject({ signedIn: true, name: 'ada' });
  expect(proxy.counts.every((count) => count >= 2)).toBe(true);
});

/** Streams of as many workers as there are. */
const openStreams = () =>
  Promise.all(
    workers.map(() => EventClient.open(`${proxy.url}/sync-admin/events`, { Cookie: cookie })),
  );

test('the stream of every worker shows a save, whichever host took it', async () => {
  const clients = await openStreams();
  const entriesOf = ({ events }: EventClient): number =>
    Math.max(...events.map(({ data }) => (data as Partial<Overview>).entries ?? 0));
  for (const client of clients) await client.waitFor('overview');
  for (let saved = 1; saved <= 4; saved++) {
    const answer = await request(proxy.url).post(`/photos/${String(saved)}.jpg`);
    expect(answer.status).toBe(201);
    await until(() => clients.every((client) => entriesOf(client) >= saved), {
      what: `entry ${String(saved)} in every stream`,
    });
  }
  for (const client of clients) client.close();
});

test('a run is requested of one worker and followed to its end at all others', async () => {
  const { run } = (await post('/push', { dryRun: true })).body as { run: Run };
  const seen = await until(
    async () => {
      const answers = await Promise.all(workers.map(() => get(`/runs/${run.id}`)));
      const runs = answers.map(({ body }) => (body as { run: Run }).run);
      return runs.every(({ state }) => state === 'done') && runs;
    },
    { what: 'the end of the run' },
  );
  expect(seen.map(({ id }) => id)).toEqual(workers.map(() => run.id));
  expect((await get('/audit?limit=1')).body).toMatchObject({
    audit: [{ what: 'push', by: expect.stringContaining('"ada"') as string }],
  });
});

test('every worker tells the metrics of all hosts', async () => {
  for (const { status, text } of await Promise.all(workers.map(() => get('/metrics')))) {
    expect(status).toBe(200);
    for (const { name } of site.machines)
      expect(text).toContain(`syncmedia_host_state{host="${name}"`);
  }
});

test('a worker that ends says so to its clients, and waits for none of them', async () => {
  const clients = await openStreams();
  for (const client of clients) await client.waitFor('overview');
  await Promise.all(workers.map((child) => endWorker(child, 'SIGTERM')));
  for (const client of clients)
    expect(await client.waitFor('end')).toMatchObject({ data: { reason: 'closing' } });
  expect(workers.map(({ exitCode }) => exitCode)).toEqual(workers.map(() => 0));
});
