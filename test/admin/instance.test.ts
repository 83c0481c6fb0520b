import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import express from 'express';
import { Schema } from 'mongoose';
import request from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestHost } from '../../src/api/describe-host.js';
import { createSyncMedia, type SyncMediaInstance } from '../../src/instance/create.js';
import type { Run } from '../../src/model/run.js';
import { confinement } from '../gate/confined.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { until } from '../harness/wait.js';
import { fingerprint, publicKey } from './recording-instance.js';

/** The router over real instances of two hosts; one story, in order. */
const token = 'a-token-of-these-tests-0123456789abcdef';
const logged: string[] = [];
let database: TestDatabase;
let web1: TestHost;
let web2: TestHost;
const instances: SyncMediaInstance[] = [];

beforeAll(async () => {
  [database, web1, web2] = await Promise.all([
    testDatabase(),
    startHost({ name: 'web1' }),
    startHost({ name: 'web2' }),
  ]);
  for (const host of [web1, web2]) {
    await mkdir(join(host.root, 'uploads'));
    const say = (message: string): void => {
      logged.push(`${host.name}: ${message}`);
    };
    const instance = createSyncMedia({
      connection: database.connection,
      log: { info: say, warn: say, error: say },
      environment: {
        HOME: host.dir,
        ...confinement,
        SYNCMEDIA_ROOT: host.root,
        SYNCMEDIA_STATE_DIR: host.stateDir,
        SYNCMEDIA_AUTHORIZED_KEYS: host.authorizedKeysFile,
        SYNCMEDIA_KEY: host.publicKeyFile,
        SYNCMEDIA_SSH_PORT: String(host.port),
        SYNCMEDIA_AUTO_APPROVE: 'true',
        SYNCMEDIA_ADMIN_TOKEN: token,
        SYNCMEDIA_TIMEOUT: '5',
      },
    });
    const photos = new Schema({ file: String });
    photos.plugin(instance.plugin, { syncDirs: 'uploads' });
    database.connection.model(`Photo of ${host.name}`, photos);
    instances.push(instance);
  }
});
afterAll(async () => {
  await Promise.all(instances.map((instance) => instance.close()));
  await Promise.all([database.close(), web1.close(), web2.close()]);
});

const agentOf = (index: number) => request(express().use('/sync', instances[index]!.admin()));
const get = (index: number, path: string) =>
  agentOf(index).get(`/sync${path}`).auth('anyone', token);
const send = (
  index: number,
  method: 'post' | 'patch' | 'delete',
  path: string,
  body: object = {},
) => agentOf(index)[method](`/sync${path}`).auth('anyone', token).send(body);
const registrationOf = (host: TestHost) => ({
  hostname: host.name,
  url: host.hostname,
  sshPort: host.port,
  username: host.username,
  root: host.root,
  syncDirs: ['uploads'],
});

/** The run when it ended, as the router tells it. */
function ended(index: number, id: string): Promise<Run> {
  return until(
    async () => {
      const { run } = (await get(index, `/runs/${id}`)).body as { run: Run };
      return run.state !== 'requested' && run.state !== 'running' && run;
    },
    { timeout: 15_000, what: `the end of run ${id}` },
  );
}

test('the token comes from the environment, and before init the router says how to go on', async () => {
  expect((await agentOf(0).get('/sync/status')).status).toBe(401);
  expect((await get(0, '/status')).body).toMatchObject({ initialised: false });
  const answer = await send(0, 'post', '/push');
  expect([answer.status, answer.body]).toMatchObject([409, { error: { code: 'NOT_INITIALISED' } }]);
  expect(JSON.stringify(answer.body)).not.toContain(web1.stateDir);
});

test('init registers the host the app runs on, and brings it up to date the second time', async () => {
  const first = await send(0, 'post', '/hosts/init', registrationOf(web1));
  expect([first.status, first.body]).toMatchObject([
    201,
    { created: true, host: { hostname: 'web1', key: { type: 'ssh-ed25519' } } },
  ]);
  const { checks } = first.body as { checks: { ok: boolean }[] };
  // A marker opens a directory, so only somebody at the host makes one.
  expect(checks.filter(({ ok }) => !ok)).toEqual([
    expect.objectContaining({
      message: expect.stringContaining('uploads is not marked') as string,
      remedy: expect.stringContaining('syncmedia init') as string,
    }),
  ]);
  expect((await send(0, 'post', '/hosts/init')).body).toMatchObject({
    created: false,
    host: { hostname: 'web1' },
  });
  expect((await send(1, 'post', '/hosts/init', registrationOf(web2))).status).toBe(201);
  for (const instance of instances) {
    // What was asked for through the router waits for a person, whatever SYNCMEDIA_AUTO_APPROVE
    // says; an init on the host itself approves nothing of it.
    const { host, checks } = await instance.hosts.init();
    expect([host.status, checks.filter(({ ok }) => !ok)]).toEqual(['pending', []]);
    await instance.hosts.approve(host.id, digestHost(host));
  }
  expect((await send(0, 'post', '/hosts/init')).body).toMatchObject({
    checks: expect.not.arrayContaining([expect.objectContaining({ ok: false })]) as unknown,
  });
});

test.each([
  [
    'a name that is taken',
    () => ({ ...registrationOf(web1), hostname: 'web2' }),
    409,
    'HOST_EXISTS',
  ],
  [
    'a sync dir outside',
    () => ({ ...registrationOf(web1), syncDirs: ['../etc'] }),
    400,
    'BAD_SYNC_DIR',
  ],
  [
    'a root that is not absolute',
    () => ({ ...registrationOf(web1), root: 'srv' }),
    403,
    'FORBIDDEN',
  ],
  [
    'the root of a home directory',
    () => ({ ...registrationOf(web1), root: '/home' }),
    403,
    'FORBIDDEN',
  ],
  [
    'a directory that no model declares',
    () => ({ ...registrationOf(web1), syncDirs: ['.ssh'] }),
    403,
    'FORBIDDEN',
  ],
  [
    'a user name with shell characters',
    () => ({ ...registrationOf(web1), username: '$(id)' }),
    400,
    'BAD_OPTION',
  ],
])('init with %s is refused', async (_, registration, status, code) => {
  const answer = await send(0, 'post', '/hosts/init', registration());
  expect([answer.status, answer.body]).toMatchObject([status, { error: { code } }]);
  expect((answer.body as { error: { message: string } }).error.message).not.toContain(web1.dir);
});

test('hosts are listed and shown, without private fields', async () => {
  const answer = await get(0, '/hosts');
  expect(answer.body).toMatchObject({ hosts: [{ hostname: 'web1' }, { hostname: 'web2' }] });
  expect(answer.text).not.toContain('lease');
  expect((await get(0, '/hosts/web2')).body).toMatchObject({
    host: { hostname: 'web2', hostKeys: [{ type: 'ssh-ed25519' }] },
  });
  expect((await get(0, '/hosts/web9')).body).toMatchObject({ error: { code: 'UNKNOWN_HOST' } });
});

test('a push is a run that the leader carries out', async () => {
  for (const instance of instances) await instance.start();
  await writeFile(join(web1.root, 'uploads/a.jpg'), 'a picture');
  const answer = await send(0, 'post', '/push', { hosts: ['web2'] });
  expect(answer.status).toBe(202);
  const { run } = answer.body as { run: Run };
  expect(answer.headers.location).toBe(`./runs/${run.id}`);
  expect(await ended(0, run.id)).toMatchObject({ kind: 'push', state: 'done', failures: [] });
  expect(await readFile(join(web2.root, 'uploads/a.jpg'), 'utf8')).toBe('a picture');
});

test('the router of any host shows a pull that another host runs', async () => {
  await writeFile(join(web1.root, 'uploads/b.jpg'), 'another');
  const { run } = (await send(1, 'post', '/pull', { dirs: ['uploads'] })).body as { run: Run };
  expect(await ended(0, run.id)).toMatchObject({ kind: 'pull', state: 'done' });
  expect(await readFile(join(web2.root, 'uploads/b.jpg'), 'utf8')).toBe('another');
  expect((await get(0, '/runs?limit=1')).body).toMatchObject({ runs: [{ id: run.id }] });
});

test("a run that ended can't be cancelled, and says so; an unknown one is 404", async () => {
  const {
    runs: [run],
  } = (await get(0, '/runs?limit=1')).body as { runs: [Run] };
  expect((await send(0, 'post', `/runs/${run.id}/cancel`)).body).toMatchObject({
    run: { state: 'done' },
  });
  expect((await send(0, 'post', '/runs/nothing/cancel')).status).toBe(404);
  expect((await send(0, 'post', '/push', { dirs: ['nowhere'] })).body).toMatchObject({
    error: { code: 'BAD_SYNC_DIR' },
  });
});

test('status shows the pending files of every host', async () => {
  const answer = await get(0, '/status');
  expect(answer.body).toMatchObject({
    initialised: true,
    thisHost: { hostname: 'web1' },
    syncDirs: [{ path: 'uploads' }],
    hosts: [
      { hostname: 'web1', thisHost: true },
      { hostname: 'web2', thisHost: false, failures: [] },
    ],
  });
});

test('hosts are paused, and unregistered by name', async () => {
  expect((await send(0, 'patch', '/hosts/web2', { status: 'paused' })).body).toMatchObject({
    host: { status: 'paused' },
  });
  const answer = await send(0, 'delete', '/hosts/web2');
  expect([answer.status, answer.body]).toMatchObject([200, { host: { status: 'retired' } }]);
});

test('a passive host is added as pending, and nothing is connected to', async () => {
  const answer = await send(0, 'post', '/hosts', {
    hostname: 'nas',
    url: '127.0.0.1',
    sshPort: 1,
    root: '/media',
    hostKey: publicKey,
  });
  expect([answer.status, answer.body]).toMatchObject([
    201,
    { host: { hostname: 'nas', status: 'pending', hostKeys: [{ fingerprint }] } },
  ]);
});

test('changes and refusals are in the audit log', async () => {
  await send(0, 'patch', '/hosts/nas', { status: 'approved' });
  expect((await get(0, '/audit?limit=3')).body).toMatchObject({
    audit: [
      {
        what: 'hosts.edit',
        outcome: 'BAD_OPTION',
        by: expect.stringContaining('through the router') as string,
      },
      { what: 'hosts.add', outcome: 'done', args: expect.stringContaining('"nas"') as string },
      { what: 'hosts.unregister', outcome: 'done' },
    ],
  });
});
