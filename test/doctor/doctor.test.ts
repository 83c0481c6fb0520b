import { appendFile, chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { DoctorCheck } from '../../src/api/reports.js';
import { KnownDirs } from '../../src/context/known-dirs.js';
import { assessSkew } from '../../src/doctor/check-others.js';
import { assessSpace } from '../../src/doctor/check-place.js';
import { assessRsync } from '../../src/doctor/check-programs.js';
import { checkRules } from '../../src/doctor/check-rules.js';
import { checkStatus } from '../../src/doctor/check-status.js';
import type { Path } from '../../src/model/path.js';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { testDatabase } from '../harness/database.js';
import { createSyncMedia } from '../../src/instance/create.js';
import { makeTestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let site: Site;
let one: Machine;
let two: Machine;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'] });
  [one, two] = site.machines as [Machine, Machine];
});
afterAll(() => site.close());

const failures = (checks: DoctorCheck[]): DoctorCheck[] =>
  checks.filter(({ state }) => state === 'failed');
const named = (checks: DoctorCheck[], name: string): DoctorCheck =>
  checks.find((one) => one.name === name) ??
  expect.fail(`no check ${name} among ${checks.map((each) => each.name).join(', ')}`);

describe('doctor', () => {
  test('a healthy host has no failure, and every documented check runs', async () => {
    const checks = await one.app.sync.doctor();
    expect(failures(checks)).toEqual([]);
    expect(checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'node',
        'rsync',
        'ssh',
        'sshd',
        'database',
        'this host',
        'root',
        `sync dir ${dir}`,
        `${dir}: mounts`,
        `${dir}: writing`,
        `${dir}: space`,
        'key',
        'state folder',
        'authorized_keys',
        'confinement',
        'open sync dirs',
        'open connections',
        'seals',
        'database rows',
        'lease',
        'host two',
        'host two: heartbeat',
        'host two: sshd',
        'host two: rsync',
        `host two: sync dir ${dir}`,
        'host two: clock and writing',
        'host two: space',
      ]),
    );
    expect(named(checks, 'seals')).toMatchObject({
      state: 'info',
      remedy: expect.stringContaining('init') as string,
    });
    expect(named(checks, 'host two: sshd').message).toMatch(/^SSH-2\.0-OpenSSH/);
  });

  test.each<[string, string, (broken: Machine) => Promise<() => Promise<void>>]>([
    [
      'the marker is gone',
      `sync dir ${dir}`,
      async ({ path }) => {
        const marker = path(`${dir}/.syncmedia/id`);
        const text = await readFile(marker, 'utf8');
        await rm(marker);
        return () => writeFile(marker, text);
      },
    ],
    [
      'the private key is readable by others',
      'key',
      async ({ ssh }) => {
        await chmod(ssh.privateKeyFile, 0o644);
        return () => chmod(ssh.privateKeyFile, 0o600);
      },
    ],
    [
      'the state folder is open',
      'state folder',
      async ({ ssh }) => {
        await chmod(ssh.stateDir, 0o755);
        return () => chmod(ssh.stateDir, 0o700);
      },
    ],
    [
      "a host's key also stands outside the block",
      'authorized_keys',
      async ({ ssh }) => {
        const before = await readFile(ssh.authorizedKeysFile, 'utf8');
        await appendFile(ssh.authorizedKeysFile, `${two.ssh.publicKey.trim()}\n`);
        return () => writeFile(ssh.authorizedKeysFile, before);
      },
    ],
  ])('%s', async (_, name, breakIt) => {
    const mend = await breakIt(one);
    try {
      const checks = await one.app.sync.doctor();
      expect(failures(checks)).toEqual([
        {
          name,
          state: 'failed',
          message: expect.any(String) as string,
          remedy: expect.stringMatching(/./) as string,
        },
      ]);
    } finally {
      await mend();
    }
  });

  test('a directory of another mode is named', async () => {
    const closed = one.path(`${dir}/closed`);
    await mkdir(closed);
    await chmod(closed, 0o555);
    // Root may write everywhere: there only the sticky bit of another user's directory counts.
    if (process.geteuid?.() !== 0)
      expect(named(await one.app.sync.doctor(), `${dir}: writing`)).toMatchObject({
        state: 'failed',
        message: expect.stringContaining(closed) as string,
      });
    await chmod(closed, 0o755);
    expect(named(await one.app.sync.doctor(), `${dir}: writing`).state).toBe('ok');
    await rm(closed, { recursive: true });
  });

  test('a host that is down, and one with another host key, with the way out of it', async () => {
    const hosts = site.database.connection.collection<{
      _id: string;
      hostKeys: string[];
      sshPort: number;
    }>('syncmedia_hosts');
    const row = (await hosts.findOne({ hostname: 'two' })) ?? expect.fail('no row');
    const { hostKeys, sshPort } = row;
    await hosts.updateOne(
      { _id: row._id },
      { $set: { hostKeys: [one.ssh.publicKey.split(' ').slice(0, 2).join(' ')] } },
    );
    const mismatch = named(await one.app.sync.doctor(), 'host two');
    expect(mismatch).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('HOST_KEY_MISMATCH') as string,
      remedy: expect.stringContaining('syncmedia keys accept') as string,
    });
    await hosts.updateOne({ _id: row._id }, { $set: { hostKeys, sshPort: 1 } });
    expect(named(await one.app.sync.doctor(), 'host two')).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('HOST_UNREACHABLE') as string,
    });
    await hosts.updateOne({ _id: row._id }, { $set: { sshPort } });
    await until(async () => failures(await one.app.sync.doctor()).length === 0, {
      timeout: 30_000,
    });
  });

  test('a host that has been away for a week, with the command that gives up no last copy', async () => {
    const hosts = site.database.connection.collection<{ _id: string }>('syncmedia_hosts');
    const row = (await hosts.findOne({ hostname: 'two' })) ?? expect.fail('no row');
    await hosts.insertOne({
      ...row,
      ...{
        _id: 'gone',
        hostname: 'gone',
        url: 'gone.invalid',
        heartbeatAt: new Date('2020-01-01'),
      },
    });
    try {
      expect(named(await one.app.sync.doctor(), 'host gone: absence')).toMatchObject({
        state: 'failed',
        remedy: expect.stringContaining('syncmedia unregister gone --safe') as string,
      });
    } finally {
      await hosts.deleteOne({ _id: 'gone' });
    }
    await until(async () => failures(await one.app.sync.doctor()).length === 0, {
      timeout: 30_000,
    });
  });

  test('this host waits for approval', async () => {
    const hosts = site.database.connection.collection('syncmedia_hosts');
    await hosts.updateOne({ hostname: 'one' }, { $set: { status: 'pending' } });
    try {
      expect(named(await one.app.sync.doctor(), 'this host')).toMatchObject({
        state: 'failed',
        remedy: expect.stringContaining('syncmedia approve') as string,
      });
    } finally {
      await hosts.updateOne({ hostname: 'one' }, { $set: { status: 'approved' } });
    }
    await until(async () => failures(await one.app.sync.doctor()).length === 0, {
      timeout: 30_000,
    });
  });

  test('a host whose app is not running has no lease', async () => {
    await two.app.close();
    const again = await two.startApp({ start: false });
    expect(failures(await again.sync.doctor())).toEqual([
      expect.objectContaining({
        name: 'lease',
        remedy: expect.stringContaining('startSyncMedia()') as string,
      }),
    ]);
  });

  test('a machine that was never initialised', async () => {
    const [database, folder] = [await testDatabase(), await makeTestDir()];
    const sync = createSyncMedia({
      connection: database.connection,
      stateDir: join(folder.path, 'state'),
      environment: {},
    });
    try {
      expect(failures(await sync.doctor())).toEqual([
        expect.objectContaining({ name: 'this host', remedy: 'run `syncmedia init`' }),
      ]);
    } finally {
      await sync.close();
      await database.close();
      await folder.remove();
    }
  });
});

describe('findings get their levels', () => {
  test('a host that is paused, has no valid seal or was unregistered', () => {
    const host = { hostname: 'web1' };
    expect(checkStatus({ ...host, status: 'paused' }, true)).toMatchObject({
      state: 'info',
      remedy: expect.stringContaining('hosts edit web1 --status approved') as string,
    });
    expect(checkStatus({ ...host, status: 'pending', unsealed: true }, true)).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('no valid seal') as string,
      remedy: expect.stringContaining('set the same `SYNCMEDIA_SECRET`') as string,
    });
    expect(checkStatus({ ...host, status: 'retired' }, true)).toMatchObject({
      state: 'failed',
      remedy: expect.stringContaining('syncmedia init') as string,
    });
  });

  test('stored rules of a sync dir that are ignored', async () => {
    const reported: string[] = [];
    const dirs = new KnownDirs(
      { stateDir: '/state', reloadCommand: undefined },
      () => undefined,
      ({ message }) => reported.push(message),
    );
    dirs.setOpened(['uploads' as Path]);
    dirs.setStored([
      { path: 'uploads' as Path, exclude: [''], conflict: 'newer', onDelete: 'keep' },
    ]);
    const found = named(await checkRules(dirs), 'rules of uploads');
    expect(found.state).toBe('failed');
    expect(reported).toEqual([found.message]);
    dirs.setStored([]);
    expect((await checkRules(dirs)).map(({ name }) => name)).toEqual(['rules of sync dirs']);
  });

  test('an old rsync is a note that names the holes', () => {
    expect(assessRsync('3.2.7')).toMatchObject({
      state: 'info',
      message: expect.stringContaining('CVE-2024-12084') as string,
      remedy: expect.stringContaining('changelog') as string,
    });
    expect([
      assessRsync('3.4.0').state,
      assessRsync('3.5.0').state,
      assessRsync(undefined).state,
    ]).toEqual(['ok', 'ok', 'failed']);
  });

  test('clocks', () => {
    expect([0, 5, 11].map((seconds) => assessSkew(seconds).state)).toEqual(['ok', 'ok', 'failed']);
  });

  test('space', () => {
    const gib = 1024 ** 3;
    expect(
      [
        [50, 100, 1],
        [0.5, 100, 1],
        [0.5, 1, 1],
        [0.01, 1, 1],
        [50, 100, 0.001],
      ].map(
        ([free = 0, all = 0, names = 0]) =>
          assessSpace({ free: free * gib, all: all * gib, names }).state,
      ),
    ).toEqual(['ok', 'failed', 'ok', 'failed', 'failed']);
  });
});
