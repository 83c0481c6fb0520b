import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { mongo } from 'mongoose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { getHostCollection } from '../../src/hosts/host-model.js';
import { findHost, listHosts } from '../../src/hosts/host-rows.js';
import { editHost } from '../../src/hosts/edit.js';
import { initHost } from '../../src/hosts/init.js';
import { installKeys } from '../../src/access/install-keys.js';
import { Seals } from '../../src/hosts/seal.js';
import { readState, writeState, type HostState } from '../../src/state-dir/state.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { makeMachine, type Machine } from '../hosts/site.js';

/**
 * With a secret, a host takes nothing from its own row that this site has not sealed: what `init`
 * needs lies in its state folder.
 */
let database: TestDatabase, sshd: TestHost, machine: Machine, me: Host;
const otherKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC5uvAVpC7JW/g9daC2CMKpg+ojVhYpt4ITjgEdd9iZU';
const collections = ['p_hosts', 'p_meta', 'p_syncdirs'];
/** What an init stores; every test begins with it. */
let stored: { rows: mongo.Document[][]; state: HostState };
beforeAll(async () => {
  database = await testDatabase();
  sshd = await startHost({ name: 'two' });
  machine = await makeMachine(database, sshd);
  machine.deps.seals = new Seals('the secret of this site, 32 bytes');
  machine.deps.tryHost = () => Promise.resolve([]);
  me = (await initHost(machine.deps, { syncDirs: ['uploads'] })).host;
  // From now on only the stored state says who this host is.
  machine.deps.config.init = {
    ...machine.deps.config.init,
    root: undefined,
    hostname: undefined,
    url: undefined,
    sshPort: undefined,
  };
  machine.deps.config.key = undefined;
  stored = {
    rows: await Promise.all(collections.map((name) => collection(name).find().toArray())),
    state: readState(sshd.stateDir) ?? expect.fail('no state'),
  };
  expect(stored.rows.map(({ length }) => length)).toEqual([1, 1, 1]);
});
afterAll(async () => {
  await sshd.close();
  await database.close();
});
beforeEach(async () => {
  for (const [index, name] of collections.entries()) {
    await collection(name).deleteMany({});
    await collection(name).insertMany(stored.rows[index] ?? []);
  }
  await writeState(sshd.stateDir, stored.state);
  await writeFile(sshd.authorizedKeysFile, '');
});

const collection = (name: string) => database.connection.collection(name);
const rows = () => getHostCollection(database.connection, 'p_');
const identity = ({
  id,
  hostname,
  url,
  sshPort,
  username,
  publicKey,
  hostKeys,
  rootPath,
  syncDirs,
  passive,
}: Host) => ({
  id,
  hostname,
  url,
  sshPort,
  username,
  publicKey,
  hostKeys,
  rootPath,
  syncDirs,
  passive,
});
const find = async (): Promise<Host> =>
  (await findHost(machine.deps, me.id)) ?? expect.fail('no row');

const forged: [string, object][] = [
  ['url', { url: 'evil.example' }],
  ['port', { sshPort: 2 }],
  ['user', { username: 'daemon' }],
  ['sync dirs', { syncDirs: ['uploads', 'config'] }],
  ['no sync dirs', { syncDirs: [] }],
  ['hostname', { hostname: 'evil' }],
  ['key', { publicKey: otherKey }],
  ['host keys', { hostKeys: [otherKey] }],
  ['root', { rootPath: '/' }],
  ['passive', { passive: true }],
  [
    'all at once',
    {
      url: 'evil.example',
      sshPort: 2,
      username: 'daemon',
      syncDirs: ['config'],
      hostname: 'evil',
      publicKey: otherKey,
      hostKeys: [otherKey],
      rootPath: '/',
      passive: true,
    },
  ],
  ['seal', { seal: 'AAAA' }],
];

/** As `unregister` leaves a row: another name and url, so that they are free, and no seal. */
const retire = ({
  hostname = me.hostname,
  url = me.url,
}: {
  hostname?: string;
  url?: string;
}): object => ({ status: 'retired', hostname: `${hostname}#${me.id}`, url: `${url}#${me.id}` });

async function expectUntaken(change: object, more: object = {}): Promise<void> {
  await rows().updateOne({ _id: me.id }, { $set: { ...change, ...more } });
  const { host, checks } = await initHost(machine.deps, {});
  expect(host.unsealed).toBeUndefined();
  expect({ ...identity(host), id: '' }).toEqual({ ...identity(me), id: '' });
  expect(readState(sshd.stateDir)).toMatchObject({
    hostname: me.hostname,
    root: me.rootPath,
    syncDirs: ['uploads'],
    registered: { url: me.url, sshPort: me.sshPort, username: me.username },
  });
  expect(checks.map(({ name }) => name)).toContain('own row');
}

test.each(forged)(
  'a row of this host that somebody changed gives init no other %s',
  async (_what, change) => {
    await expectUntaken(change);
  },
);

test.each(forged.filter(([what]) => ['url', 'sync dirs', 'all at once'].includes(what)))(
  'nor does one without a seal, or one that counts as retired, another %s',
  async (_what, change) => {
    await rows().updateOne({ _id: me.id }, { $unset: { seal: 1 } });
    await expectUntaken(change);
    await expectUntaken(change, retire(change));
  },
);

test('refused fields of the row are reported, with the way to keep them', async () => {
  await rows().updateOne({ _id: me.id }, { $set: { url: 'evil.example', sshPort: 2 } });
  const { checks } = await initHost(machine.deps, {});
  const told = checks.find(({ name }) => name === 'own row');
  expect(told).toMatchObject({
    ok: false,
    remedy: expect.stringMatching(/--url, --port/) as string,
  });
  expect(told?.message).toContain('evil.example');
});

test('a sealed row counts: somebody may have changed it on another host', async () => {
  const state = readState(sshd.stateDir) ?? expect.fail('no state');
  await rm(join(sshd.stateDir, 'host.json'));
  await editHost(machine.deps, me, { url: 'localhost', syncDirs: ['uploads/photos'] });
  await mkdir(join(sshd.root, 'uploads/photos'), { recursive: true });
  await writeState(sshd.stateDir, state);
  const { host, checks } = await initHost(machine.deps, {});
  expect([host.url, host.syncDirs, readState(sshd.stateDir)?.syncDirs]).toEqual([
    'localhost',
    ['uploads/photos'],
    ['uploads'],
  ]);
  expect(checks.map(({ name }) => name)).not.toContain('own row');
});

test('a state folder of an earlier version accepts nothing from a forged row either', async () => {
  const { registered: _, ...old } = readState(sshd.stateDir) ?? expect.fail('no state');
  await writeState(sshd.stateDir, old);
  expect(readState(sshd.stateDir)).toEqual(old);
  await rows().updateOne(
    { _id: me.id },
    {
      $set: {
        url: 'evil.example',
        sshPort: 2,
        username: 'daemon',
        hostname: 'evil',
        syncDirs: ['config' as Path],
        publicKey: otherKey,
      },
    },
  );
  await initHost(machine.deps, { url: me.url, sshPort: me.sshPort });
  expect(identity(await find())).toEqual(identity(me));
});

/**
 * What the router of another host, or somebody on its command line, makes of this host's row:
 * sealed, since that host knows the secret.
 */
async function editElsewhere(change: { publicKey: string }, remote: boolean): Promise<void> {
  const state = readState(sshd.stateDir) ?? expect.fail('no state');
  await rm(join(sshd.stateDir, 'host.json'));
  await editHost(machine.deps, me, change, {}, { remote });
  await writeState(sshd.stateDir, state);
}

test.each<[string, () => Promise<unknown>, Partial<Host>]>([
  [
    'a writer to the database',
    () => rows().updateOne({ _id: me.id }, { $set: { publicKey: otherKey } }),
    { status: 'pending', unsealed: true },
  ],
  [
    'a writer who removed the seal',
    () => rows().updateOne({ _id: me.id }, { $set: { publicKey: otherKey }, $unset: { seal: 1 } }),
    { status: 'pending', unsealed: true },
  ],
  [
    'the router of another host',
    () => editElsewhere({ publicKey: otherKey }, true),
    { status: 'pending' },
  ],
  [
    'the command line of another host',
    () => editElsewhere({ publicKey: otherKey }, false),
    { status: 'approved' },
  ],
])(
  'a key that %s put into the row of this host does not log in here, and the key of this host still does',
  async (_who, change, found) => {
    await change();
    expect(await find()).toMatchObject({ publicKey: otherKey, ...found });
    const state = readState(sshd.stateDir) ?? expect.fail('no state');
    await installKeys(
      { stateDir: sshd.stateDir, state, log: machine.deps.config.log },
      await listHosts(machine.deps),
    );
    const keys = await readFile(sshd.authorizedKeysFile, 'utf8');
    expect([keys.includes(otherKey), keys.includes(me.publicKey)]).toEqual([false, true]);
  },
);
