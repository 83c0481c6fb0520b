import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { getHostCollection } from '../../src/hosts/host-model.js';
import { listHosts } from '../../src/hosts/host-rows.js';
import { initHost } from '../../src/hosts/init.js';
import { installKeys } from '../../src/access/install-keys.js';
import { readState, writeState } from '../../src/state-dir/state.js';
import { unregisterHost } from '../../src/hosts/unregister.js';
import type { HostRegistration } from '../../src/api/requests.js';
import { readMarker } from '../../src/replica/marker.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { declare, logIn, makeMachine, type Machine } from './site.js';

const run = promisify(execFile);
let database: TestDatabase;
let sshds: [TestHost, TestHost];
let one: Machine;
let two: Machine;
beforeAll(async () => {
  database = await testDatabase();
  sshds = await Promise.all([startHost({ name: 'one' }), startHost({ name: 'two' })]);
});
afterAll(async () => {
  await Promise.all(sshds.map((host) => host.close()));
  await database.close();
});
beforeEach(async () => {
  [one, two] = await Promise.all([
    makeMachine(database, sshds[0]),
    makeMachine(database, sshds[1]),
  ]);
});
afterEach(async () => {
  for (const name of ['p_hosts', 'p_meta', 'p_syncdirs'])
    await database.connection.collection(name).deleteMany({});
  for (const host of sshds) {
    for (const file of ['host.json', 'gate/rules.json'])
      await rm(join(host.stateDir, file), { force: true });
    await rm(join(host.root, 'uploads'), { recursive: true, force: true });
    await writeFile(host.authorizedKeysFile, '');
  }
});

const rows = () => getHostCollection(database.connection, 'p_');
const refused = (code: string, what: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(what) as string });
const failed = (report: { checks: { ok: boolean }[] }): unknown[] =>
  report.checks.filter(({ ok }) => !ok);
const markerOf = (host: TestHost, dir = 'uploads') => readMarker(nodeDisk, join(host.root, dir));
const keysOf = (host: TestHost): Promise<string> => readFile(host.authorizedKeysFile, 'utf8');

describe('init', () => {
  test('registers this machine, so that it can log in to itself', async () => {
    await declare(one, 'uploads');
    const report = await initHost(one.deps, {});
    const { host } = report;
    expect(failed(report)).toEqual([]);
    expect(report.created).toBe(true);
    expect(host).toMatchObject({
      hostname: 'one',
      url: '127.0.0.1',
      sshPort: sshds[0].port,
      username: userInfo().username,
      rootPath: sshds[0].root,
      syncDirs: [],
      passive: false,
      status: 'approved',
      backend: 'rsync',
      readyAt: expect.any(Date) as Date,
      publicKey: sshds[0].publicKey.split(' ').slice(0, 2).join(' '),
      hostKeys: sshds[0].hostPublicKeys.map((line) => line.split(' ').slice(0, 2).join(' ')),
    });
    expect(readState(sshds[0].stateDir)).toMatchObject({
      id: host.id,
      hostname: 'one',
      root: sshds[0].root,
      identityFile: sshds[0].privateKeyFile,
    });
    expect(await markerOf(sshds[0])).toEqual({ host: host.id, syncDir: 'uploads' });
    expect(await logIn(host, { identityFile: sshds[0].privateKeyFile, id: host.id })).toMatchObject(
      { ok: true },
    );
  });

  test('again changes nothing, and with changes brings the row up to date', async () => {
    await declare(one, 'uploads');
    const first = await initHost(one.deps, {});
    const state = readState(sshds[0].stateDir);
    const again = await initHost(one.deps, {});
    expect(again.created).toBe(false);
    expect({ ...again.host, updatedAt: 0 }).toEqual({ ...first.host, updatedAt: 0 });
    expect(readState(sshds[0].stateDir)).toEqual(state);
    expect((await rows().find().toArray()).length).toBe(1);

    await rows().updateOne({ _id: first.host.id }, { $set: { status: 'paused', received: 7 } });
    const changed = await initHost(one.deps, { hostname: 'renamed', syncDirs: ['uploads/'] });
    expect(changed.host).toMatchObject({
      id: first.host.id,
      hostname: 'renamed',
      syncDirs: ['uploads'],
      status: 'paused',
      received: 7,
    });
    expect(readState(sshds[0].stateDir)).toMatchObject({
      hostname: 'renamed',
      syncDirs: ['uploads'],
    });
  });

  test('keeps stored values that are not given', async () => {
    const first = await initHost(one.deps, { hostname: 'kept', syncDirs: ['uploads'] });
    one.deps.config.init = {
      root: undefined,
      syncDirs: undefined,
      hostname: undefined,
      url: undefined,
      sshPort: undefined,
      username: undefined,
      unconfined: undefined,
      authorizedKeysFile: undefined,
      defaultAuthorizedKeysFile: '/nowhere/authorized_keys',
    };
    one.deps.config.key = undefined;
    const again = await initHost(one.deps, {});
    expect(failed(again)).toEqual([]);
    expect({ ...again.host, updatedAt: 0 }).toEqual({ ...first.host, updatedAt: 0 });
  });

  test('with a literal key', async () => {
    one.deps.config.key = sshds[0].publicKey;
    one.deps.config.identityFile = sshds[0].privateKeyFile;
    expect(failed(await initHost(one.deps, { syncDirs: ['uploads'] }))).toEqual([]);
    expect(readState(sshds[0].stateDir)?.publicKeyFile).toBeUndefined();
    one.deps.config.key = undefined;
    one.deps.config.identityFile = undefined;
    expect((await initHost(one.deps, {})).created).toBe(false);
  });

  test('a new key replaces the old one everywhere', async () => {
    await initHost(one.deps, { syncDirs: ['uploads'] });
    const before = await keysOf(sshds[0]);
    await run('ssh-keygen', [
      '-q',
      '-t',
      'ed25519',
      '-N',
      '',
      '-f',
      join(sshds[0].dir, 'ssh/other'),
    ]);
    const report = await initHost(one.deps, { key: join(sshds[0].dir, 'ssh/other.pub') });
    expect(failed(report)).toEqual([]);
    const after = await keysOf(sshds[0]);
    expect(after).toContain(report.host.publicKey);
    expect(after.split('\n').length).toBe(before.split('\n').length);
  });

  test('with another key or without confinement is not undone by a process that started before', async () => {
    await initHost(one.deps, { syncDirs: ['uploads'] });
    const started = readState(sshds[0].stateDir) ?? expect.fail('no state');
    const other = join(sshds[0].dir, 'ssh/newer');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other]);
    const { host } = await initHost(one.deps, { key: `${other}.pub`, unconfined: true });
    const written = await keysOf(sshds[0]);
    await installKeys(
      { stateDir: sshds[0].stateDir, state: started, log: one.deps.config.log },
      await listHosts(one.deps),
    );
    expect(await keysOf(sshds[0])).toBe(written);
    expect(written).toContain(`restrict ${host.publicKey}`);
  });

  test('of a second host lets both in at the other, which is not ready', async () => {
    const first = await initHost(one.deps, { syncDirs: ['uploads'] });
    const second = await initHost(two.deps, { syncDirs: ['uploads'] });
    expect(second.host.readyAt).toBeUndefined();
    expect(
      await logIn(second.host, { identityFile: sshds[0].privateKeyFile, id: first.host.id }),
    ).toMatchObject({ ok: true });
    const state = readState(sshds[0].stateDir);
    if (!state) throw new Error('no state');
    expect(
      await logIn(first.host, { identityFile: sshds[1].privateKeyFile, id: second.host.id }),
    ).toMatchObject({ ok: false });
    // What the running first host does when it notices the new row.
    expect(
      await installKeys(
        { stateDir: sshds[0].stateDir, state, log: one.deps.config.log },
        await listHosts(one.deps),
      ),
    ).toBe(true);
    expect(
      await installKeys(
        { stateDir: sshds[0].stateDir, state, log: one.deps.config.log },
        await listHosts(one.deps),
      ),
    ).toBe(false);
    expect(
      await logIn(first.host, { identityFile: sshds[1].privateKeyFile, id: second.host.id }),
    ).toMatchObject({ ok: true });
  });

  test('of two hosts at once makes one of them ready', async () => {
    const reports = await Promise.all([
      initHost(one.deps, { syncDirs: ['uploads'] }),
      initHost(two.deps, { syncDirs: ['uploads'] }),
    ]);
    expect(reports.filter(({ host }) => host.readyAt).length).toBe(1);
  });

  test('twice at once on one machine makes one host', async () => {
    const reports = await Promise.all(
      Array.from({ length: 3 }, () => initHost(one.deps, { syncDirs: ['uploads'] })),
    );
    expect(new Set(reports.map(({ host }) => host.id)).size).toBe(1);
    expect(reports.filter(({ created }) => created).length).toBe(1);
  });

  test('without approval by itself waits for a person, and its key goes nowhere else', async () => {
    await initHost(one.deps, { syncDirs: ['uploads'] });
    two.deps.config.autoApprove = false;
    const second = await initHost(two.deps, { syncDirs: ['uploads'] });
    expect(second.host.status).toBe('pending');
    const state = readState(sshds[0].stateDir);
    if (!state) throw new Error('no state');
    await installKeys(
      { stateDir: sshds[0].stateDir, state, log: one.deps.config.log },
      await listHosts(one.deps),
    );
    expect(await keysOf(sshds[0])).not.toContain(second.host.publicKey);
  });

  test('completes an init that a crash cut off: a state folder without its row', async () => {
    const first = await initHost(one.deps, { syncDirs: ['uploads'] });
    await rows().deleteOne({ _id: first.host.id });
    const again = await initHost(one.deps, {});
    expect(again).toMatchObject({
      created: true,
      host: { id: first.host.id, readyAt: expect.any(Date) as Date },
    });
  });

  test('refuses a name or address that another host has, and leaves this machine as it was', async () => {
    await initHost(one.deps, { syncDirs: ['uploads'] });
    await expect(initHost(two.deps, { hostname: 'one' })).rejects.toThrow(
      refused('HOST_EXISTS', 'the hostname "one"'),
    );
    await expect(initHost(two.deps, { sshPort: sshds[0].port })).rejects.toThrow(
      refused('HOST_EXISTS', 'is where the host one is reached'),
    );
    expect(readState(sshds[1].stateDir)).toBeUndefined();
    const { host } = await initHost(two.deps, { syncDirs: ['uploads'] });
    await expect(initHost(two.deps, { hostname: 'one' })).rejects.toThrow(
      refused('HOST_EXISTS', 'the hostname "one"'),
    );
    expect(readState(sshds[1].stateDir)).toMatchObject({ id: host.id, hostname: 'two' });
  });

  test('of a retired host registers it anew, and removes the old keys', async () => {
    const first = await initHost(one.deps, { syncDirs: ['uploads'] });
    const state = readState(sshds[0].stateDir);
    await unregisterHost(two.deps, first.host);
    const second = await initHost(one.deps, {});
    expect(second.created).toBe(true);
    expect(second.host.id).not.toBe(first.host.id);
    expect(second.host).toMatchObject({
      hostname: 'one',
      url: '127.0.0.1',
      rootPath: state?.root,
      readyAt: expect.any(Date) as Date,
    });
    expect(await markerOf(sshds[0])).toEqual({ host: second.host.id, syncDir: 'uploads' });
    expect((await keysOf(sshds[0])).match(/# syncmedia begin/g)?.length).toBe(1);
  });

  test('takes over the markers of the machine it was copied from', async () => {
    await initHost(one.deps, { syncDirs: ['uploads'] });
    await run('cp', ['-a', '--', join(sshds[0].root, 'uploads'), sshds[1].root]);
    const { host } = await initHost(two.deps, { syncDirs: ['uploads'] });
    expect((await markerOf(sshds[1]))?.host).toBe(host.id);
  });

  test('refuses a root that another host has on this very machine', async () => {
    await initHost(one.deps, { syncDirs: ['uploads'] });
    await expect(
      initHost(two.deps, { root: sshds[0].root, syncDirs: ['uploads'] }),
    ).rejects.toThrow(refused('BAD_STATE', 'belongs to the host one'));
  });

  test('refuses another database than the one it is registered in', async () => {
    await initHost(one.deps, { syncDirs: ['uploads'] });
    const state = readState(sshds[0].stateDir);
    if (!state) throw new Error('no state');
    await writeState(sshds[0].stateDir, { ...state, database: { name: 'other', id: 'x' } });
    await expect(initHost(one.deps, {})).rejects.toThrow(refused('BAD_STATE', '"other" (x)'));
  });

  test.each<[string, HostRegistration, string, string]>([
    ['a root that is relative', { root: 'srv/app' }, 'BAD_OPTION', 'not absolute'],
    [
      'a root that does not exist',
      { root: '/no/such/root' },
      'BAD_OPTION',
      '/no/such/root does not exist',
    ],
    ['a root that is a file', { root: '/etc/passwd' }, 'BAD_OPTION', 'is no directory'],
    ['the whole file system', { root: '/' }, 'BAD_OPTION', 'whole file system'],
    ['a sync dir that is absolute', { syncDirs: ['/uploads'] }, 'BAD_SYNC_DIR', 'absolute'],
    ['a sync dir with ..', { syncDirs: ['../uploads'] }, 'BAD_SYNC_DIR', '..'],
    [
      'a sync dir that does not exist',
      { syncDirs: ['missing'] },
      'BAD_SYNC_DIR',
      '"missing" does not exist',
    ],
    ['a sync dir that is a file', { syncDirs: ['file'] }, 'BAD_SYNC_DIR', '"file" below'],
    ['a port too high', { sshPort: 65_536 }, 'BAD_OPTION', '65536'],
    ['port 0', { sshPort: 0 }, 'BAD_OPTION', 'sshPort'],
    ['a url that is an option', { url: '-oProxyCommand=x' }, 'BAD_OPTION', 'url'],
    ['a url with white space', { url: 'a b' }, 'BAD_OPTION', 'url'],
    ['a user of a shell', { username: 'a;id' }, 'BAD_OPTION', 'username'],
    [
      'a user who does not exist',
      { username: 'nobody-at-all' },
      'BAD_OPTION',
      'does not exist here',
    ],
    ['a hostname that is an option', { hostname: '-x' }, 'BAD_OPTION', 'hostname "-x"'],
    ['a hostname with a line break', { hostname: 'a\nb' }, 'BAD_OPTION', 'hostname'],
    ['two keys', { key: 'ssh-ed25519 AAAA\nssh-ed25519 AAAA' }, 'BAD_KEY', 'more than one line'],
    ['a key file that does not exist', { key: '/no/such/key.pub' }, 'BAD_KEY', '/no/such/key.pub'],
  ])('refuses %s, and registers nothing', async (_, asked, code, what) => {
    await writeFile(join(sshds[0].root, 'file'), '');
    await expect(initHost(one.deps, asked)).rejects.toThrow(refused(code, what));
    expect(readState(sshds[0].stateDir)).toBeUndefined();
    expect(await rows().countDocuments()).toBe(0);
    expect(await keysOf(sshds[0])).toBe('');
  });

  test.skipIf(process.getuid?.() !== 0)('refuses the login of another user', async () => {
    await expect(initHost(one.deps, { username: 'daemon' })).rejects.toThrow(
      refused('BAD_OPTION', 'is another user than root'),
    );
  });

  test('refuses a state folder below the root', async () => {
    one.deps.config.stateDir = join(sshds[0].root, 'state');
    await expect(initHost(one.deps, {})).rejects.toThrow(
      refused('BAD_STATE', 'within one another'),
    );
    expect(readState(one.deps.config.stateDir)).toBeUndefined();
  });

  test('names the remaining work if it could not do everything', async () => {
    expect(failed(await initHost(one.deps, {}))).toEqual([
      expect.objectContaining({
        name: 'sync dirs',
        remedy: expect.stringContaining('--sync-dirs') as string,
      }),
    ]);
    await declare(one, 'uploads', 'unmounted');
    await mkdir(join(sshds[0].dir, 'empty'), { recursive: true });
    await run('chmod', ['g+w', sshds[0].authorizedKeysFile]);
    await sshds[0].stop();
    try {
      const report = await initHost(one.deps, {}, { hostKeyFolder: join(sshds[0].dir, 'empty') });
      expect(failed(report)).toEqual([
        expect.objectContaining({
          name: 'host keys',
          message: expect.stringContaining('no sshd answers') as string,
        }),
        expect.objectContaining({
          name: 'sync dir unmounted',
          remedy: expect.stringContaining('create or mount') as string,
        }),
        expect.objectContaining({
          name: 'authorized_keys',
          message: expect.stringContaining('chmod go-w') as string,
        }),
        expect.objectContaining({ name: 'ssh login', ok: false }),
      ]);
      expect(report.host.hostKeys.length).toBe(1); // Those it had.
    } finally {
      await sshds[0].start();
      await run('chmod', ['g-w', sshds[0].authorizedKeysFile]);
    }
  });

  test("uses this machine's own name and address by default", async () => {
    one.deps.config.init = { ...one.deps.config.init, hostname: undefined, url: undefined };
    const { host } = await initHost(one.deps, { syncDirs: ['uploads'] });
    expect(host.hostname).toBe(hostname());
    expect(host.url).toMatch(new RegExp(`^(${hostname()}|[^.]+\\..+)$`));
  });
});
