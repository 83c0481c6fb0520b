import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import express from 'express';
import { Schema } from 'mongoose';
import request from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSyncMedia, type SyncMediaInstance } from '../../src/instance/create.js';
import { digestHost } from '../../src/api/describe-host.js';
import { readState, removeState } from '../../src/state-dir/state.js';
import type { Host } from '../../src/model/host.js';
import type { Run } from '../../src/model/run.js';
import { confinement } from '../gate/confined.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { until } from '../harness/wait.js';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';

/**
 * Somebody has found the token of the router of a host, and has a machine with an sshd of their
 * own: over HTTP they try to get the private key that lies in `.ssh` below the root, and to replace
 * `authorized_keys` there. One story, in order.
 */
const token = 'a-token-of-these-tests-0123456789abcdef';
const key = '.ssh/id_ed25519',
  planted = '.ssh/authorized_keys';
let site: Site, victim: Machine, attacker: TestHost;
beforeAll(async () => {
  site = await openSite({ hosts: ['victim'] });
  [victim] = site.machines as [Machine];
  attacker = await startHost({ name: 'attacker' });
  // The victim's key is public, so its owner can be let in.
  await attacker.trust(victim.ssh.publicKey);
  await victim.write(key, 'private key');
  await victim.write('media/film.mp4', 'film');
  await victim.write(`${dir}/a.jpg`, 'a');
  await victim.app.Photo.create({ title: 'a', file: `${dir}/a.jpg` });
  for (const [path, content] of [
    [planted, 'attacker key'],
    [`${dir}/planted.jpg`, 'planted'],
  ] as const) {
    await mkdir(dirname(join(attacker.root, path)), { recursive: true });
    await writeFile(join(attacker.root, path), content);
  }
}, 60_000);
afterAll(async () => {
  await attacker.close();
  await site.close();
});

type Options = Parameters<SyncMediaInstance['admin']>[0];
const ask = (
  method: 'get' | 'post' | 'patch' | 'delete',
  path: string,
  body?: object,
  options: Options = {},
) => {
  const asked = request(express().use(victim.app.sync.admin({ token, ...options })))
    [method](path)
    .set('Authorization', `Bearer ${token}`);
  return body ? asked.send(body) : asked;
};
const codeOf = ({ body }: { body: unknown }): string | undefined =>
  (body as { error?: { code: string } }).error?.code;
const onAttacker = (path: string): Promise<string | undefined> =>
  readFile(join(attacker.root, path), 'utf8').catch(() => undefined);
const listHosts = async (): Promise<(Host & { digest: string })[]> =>
  ((await ask('get', '/hosts')).body as { hosts: (Host & { digest: string })[] }).hosts;
const find = async (name: string): Promise<Host & { digest: string }> =>
  (await listHosts()).find(({ hostname }) => hostname === name) ?? expect.fail(`no host ${name}`);
async function runAll(): Promise<void> {
  for (const kind of ['push', 'pull', 'verify'] as const) {
    const { run } = (await ask('post', `/${kind}`, {})).body as { run: Run };
    await until(
      async () =>
        ['done', 'failed', 'cancelled'].includes(
          ((await ask('get', `/runs/${run.id}`)).body as { run: Run }).run.state,
        ),
      { timeout: 30_000, what: `the end of the ${kind}` },
    );
  }
}
async function expectNothingStolen(): Promise<void> {
  await expect(stat(victim.path('.ssh/.syncmedia'))).rejects.toMatchObject({ code: 'ENOENT' });
  expect([
    await onAttacker(key),
    await onAttacker(`${dir}/a.jpg`),
    await onAttacker('media/film.mp4'),
  ]).toEqual([undefined, undefined, undefined]);
  expect([await victim.read(planted), await victim.read(`${dir}/planted.jpg`)]).toEqual([
    undefined,
    undefined,
  ]);
  expect(readState(victim.ssh.stateDir)).toMatchObject({ root: victim.ssh.root, syncDirs: [] });
}

test.each<[string, 'post' | 'patch', string, () => object]>([
  [
    'init with the home directory as root',
    'post',
    '/hosts/init',
    () => ({ root: victim.ssh.dir, syncDirs: ['.ssh'] }),
  ],
  ['init with the root above', 'post', '/hosts/init', () => ({ root: dirname(victim.ssh.root) })],
  ['init with .ssh', 'post', '/hosts/init', () => ({ syncDirs: ['.ssh'] })],
  [
    'init with .ssh beside what is open',
    'post',
    '/hosts/init',
    () => ({ syncDirs: [dir, '.ssh'] }),
  ],
  [
    'init with a directory that holds what is open',
    'post',
    '/hosts/init',
    () => ({ syncDirs: ['uploads'] }),
  ],
  [
    'init with a directory in what is open',
    'post',
    '/hosts/init',
    () => ({ syncDirs: [`${dir}/private`] }),
  ],
  ['a change of the root', 'patch', '/hosts/victim', () => ({ rootPath: victim.ssh.dir })],
  ['a change of the sync dirs to .ssh', 'patch', '/hosts/victim', () => ({ syncDirs: ['.ssh'] })],
  [
    'a change of the sync dirs to media',
    'patch',
    '/hosts/victim',
    () => ({ syncDirs: ['media', dir] }),
  ],
  [
    'a change of the sync dirs to .ssh in other words',
    'patch',
    '/hosts/victim',
    () => ({ syncDirs: ['./uploads', './.ssh/'] }),
  ],
])('%s is refused, and opens nothing', async (_what, method, path, body) => {
  const answer = await ask(method, path, body());
  expect([answer.status, codeOf(answer)]).toEqual([403, 'FORBIDDEN']);
  await expectNothingStolen();
});

test('a passive host that is added waits, and the token does not let it in', async () => {
  const added = await ask('post', '/hosts', {
    hostname: 'attacker',
    url: attacker.hostname,
    sshPort: attacker.port,
    username: attacker.username,
    root: attacker.root,
    hostKey: attacker.hostPublicKeys[0],
  });
  expect([added.status, added.body]).toMatchObject([201, { host: { status: 'pending' } }]);
  const { digest } = await find('attacker');
  for (const body of [{ digest }, { digest, token }]) {
    for (const options of [{}, { authorize: () => true }] as Options[])
      expect((await ask('post', '/hosts/attacker/approve', body, options)).status).toBe(403);
  }
  for (const status of ['approved', 'paused'])
    expect((await ask('patch', '/hosts/attacker', { status })).status).toBe(400);
  await runAll();
  expect((await find('attacker')).status).toBe('pending');
  await expectNothingStolen();
}, 120_000);

test('nor does it turn a host that was let in into another one', async () => {
  await ask('delete', '/hosts/attacker', {});
  const nas = await victim.app.sync.hosts
    .add({
      hostname: 'nas',
      url: 'localhost',
      sshPort: attacker.port,
      username: attacker.username,
      root: attacker.root,
      hostKey: attacker.hostPublicKeys[0] as string,
    })
    .catch((error: unknown) => error);
  expect(nas).toMatchObject({ hostname: 'nas', status: 'approved' });
  await until(async () => (await onAttacker(`${dir}/a.jpg`)) === 'a', { timeout: 30_000 });
  await rm(join(attacker.root, `${dir}/a.jpg`));
  for (const change of [
    { url: attacker.hostname },
    { sshPort: attacker.port + 1 },
    { username: 'other' },
    { rootPath: dirname(attacker.root) },
    { publicKey: attacker.publicKey },
  ]) {
    const answer = await ask('patch', '/hosts/nas', change);
    expect([change, answer.status === 403 || (await find('nas')).status === 'pending']).toEqual([
      change,
      true,
    ]);
    expect(
      (await ask('post', '/hosts/nas/approve', { digest: (await find('nas')).digest, token }))
        .status,
    ).toBe(403);
  }
  await ask('delete', '/hosts/nas', {});
  expect(await victim.read(planted)).toBeUndefined();
}, 60_000);

test('a requested change of this host waits as well, and an init on the host approves none of it', async () => {
  expect((await ask('patch', '/hosts/victim', { url: 'localhost' })).body).toMatchObject({
    host: { status: 'pending' },
  });
  expect(
    (await ask('post', '/hosts/victim/approve', { digest: (await find('victim')).digest, token }))
      .status,
  ).toBe(403);
  expect((await victim.app.sync.hosts.init()).host.status).toBe('pending');
  // On a command line a person looks at it and approves it.
  const shown = await victim.app.sync.hosts.show('victim');
  expect((await victim.app.sync.hosts.approve('victim', digestHost(shown))).status).toBe(
    'approved',
  );
});

test('a requested port is not connected to, on loopback either', async () => {
  let connections = 0;
  const listener = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((done) => {
    listener.listen(0, '127.0.0.1', done);
  });
  const { port: sshPort } = listener.address() as AddressInfo,
    before = await find('victim');
  try {
    // The second init would take the port that the first one stored.
    for (const [method, path, body] of [
      ['post', '/hosts/init', { sshPort }],
      ['post', '/hosts/init', {}],
      ['patch', '/hosts/victim', { sshPort }],
    ] as const) {
      expect((await ask(method, path, body)).body).toMatchObject({
        host: { ...body, status: 'pending', hostKeys: before.hostKeys },
      });
      expect(connections).toBe(0);
    }
  } finally {
    await new Promise((done) => {
      listener.close(done);
    });
    await victim.app.sync.hosts.init({ sshPort: victim.ssh.port });
    await victim.app.sync.hosts.approve(
      'victim',
      digestHost(await victim.app.sync.hosts.show('victim')),
    );
  }
}, 60_000);

test('a person whom authorize answers "approve" lets a passive host in, and then it receives files', async () => {
  await rm(join(attacker.root, dir), { recursive: true });
  await mkdir(join(attacker.root, dir), { recursive: true });
  await ask('post', '/hosts', {
    hostname: 'mirror',
    url: attacker.hostname,
    sshPort: attacker.port,
    username: attacker.username,
    root: attacker.root,
    hostKey: attacker.hostPublicKeys[0],
  });
  const { digest } = await find('mirror');
  expect(
    (await ask('post', '/hosts/mirror/approve', { digest }, { authorize: () => 'approve' })).body,
  ).toMatchObject({ host: { status: 'approved' } });
  await until(async () => (await onAttacker(`${dir}/a.jpg`)) === 'a', { timeout: 30_000 });
  expect([await onAttacker(key), await victim.read(planted)]).toEqual([undefined, undefined]);
}, 60_000);

test('a machine that was not initialised is registered by its own environment alone, as pending', async () => {
  const database: TestDatabase = await testDatabase(),
    host = await startHost({ name: 'fresh' });
  await mkdir(join(host.root, 'uploads'));
  const sync = createSyncMedia({
    connection: database.connection,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    environment: {
      HOME: host.dir,
      ...confinement,
      SYNCMEDIA_ROOT: host.root,
      SYNCMEDIA_STATE_DIR: host.stateDir,
      SYNCMEDIA_AUTHORIZED_KEYS: host.authorizedKeysFile,
      SYNCMEDIA_URL: '127.0.0.1',
      SYNCMEDIA_SSH_PORT: String(host.port),
      SYNCMEDIA_HOSTNAME: 'fresh',
      SYNCMEDIA_KEY: host.publicKeyFile,
      SYNCMEDIA_IDENTITY: host.privateKeyFile,
      SYNCMEDIA_ADMIN_TOKEN: token,
    },
  });
  try {
    const photos = new Schema({ file: String });
    photos.plugin(sync.plugin as never, { syncDirs: 'uploads' } as never);
    database.connection.model('Photo', photos);
    const post = (body: object) =>
      request(express().use(sync.admin()))
        .post('/hosts/init')
        .set('Authorization', `Bearer ${token}`)
        .send(body);
    for (const body of [{ root: host.dir }, { root: '/' }, { syncDirs: ['.ssh'] }])
      expect((await post(body)).status).toBe(403);
    expect(readState(host.stateDir)).toBeUndefined();
    const made = await post({});
    expect([made.status, made.body]).toMatchObject([201, { host: { status: 'pending' } }]);
    // One that was retired comes back as pending, too.
    await sync.hosts.unregister();
    await removeState(host.stateDir);
    expect((await post({})).body).toMatchObject({ host: { status: 'pending' } });
    await expect(stat(join(host.root, 'uploads/.syncmedia'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  } finally {
    await sync.close();
    await host.close();
    await database.close();
  }
}, 60_000);
