import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Run } from '../../src/model/run.js';
import { startHost } from '../harness/sshd.js';
import { until } from '../harness/wait.js';
import {
  dir,
  openSite,
  threeOf,
  untilNothingPending,
  type Machine,
  type Site,
  type SiteOptions,
} from './site.js';

let site: Site | undefined;
async function open(options?: SiteOptions): Promise<Site> {
  site = await openSite(options);
  return site;
}
afterEach(async () => {
  await site?.close();
  site = undefined;
});

async function follow(machine: Machine, kind: 'push' | 'pull', request = {}): Promise<Run> {
  const { sync } = machine.app;
  return sync.runs.follow((await sync[kind](request)).id);
}

describe('on one site', () => {
  let shared: Site, one: Machine, two: Machine, three: Machine;
  beforeAll(async () => {
    shared = await openSite({ plugin: { rescan: false } });
    [one, two, three] = threeOf(shared);
  });
  afterAll(() => shared.close());

  test('a push of everything brings the other hosts the files that no document named', async () => {
    await one.write(`${dir}/old/a.jpg`, 'a', 1_000);
    await one.write(`${dir}/b.jpg`, 'b', 2_000);
    expect(await follow(one, 'push')).toMatchObject({ state: 'done', failures: [] });
    expect(await two.tree()).toEqual(await one.tree());
    expect(await three.tree()).toEqual(await one.tree());
    expect(await follow(one, 'push')).toMatchObject({ state: 'done', files: 0 });
  });

  test('a push to one host goes to that one first; a file that another host lost is sent again', async () => {
    await one.write(`${dir}/lost.jpg`, 'a');
    await follow(one, 'push');
    await rm(two.path(`${dir}/lost.jpg`));
    expect(await follow(one, 'push', { hosts: ['two'] })).toMatchObject({
      state: 'done',
      files: 1,
    });
    expect(await two.read(`${dir}/lost.jpg`)).toBe('a');
  });

  test('a push as a dry run changes nothing and lists the files it would send', async () => {
    await one.write(`${dir}/dry.jpg`, 'a');
    await follow(one, 'push');
    await rm(two.path(`${dir}/dry.jpg`));
    const run = await follow(one, 'push', { dryRun: true });
    expect(run.wouldTransfer).toEqual([
      {
        host: (await one.app.sync.hosts.show('two')).id,
        path: `${dir}/dry.jpg`,
        size: 1,
        why: 'missing',
      },
    ]);
    expect(await two.read(`${dir}/dry.jpg`)).toBeUndefined();
  });

  test('a pull fetches a file that another host has and the ledger does not know, and captures it', async () => {
    await two.write(`${dir}/only-here.jpg`, '2', 1_000);
    expect(await follow(one, 'pull')).toMatchObject({ state: 'done', files: 1 });
    expect(await one.read(`${dir}/only-here.jpg`)).toBe('2');
    await until(async () => (await three.read(`${dir}/only-here.jpg`)) === '2');
  });

  test('a push with a host down says so, and serves the others', async () => {
    await two.ssh.stop({ hard: true });
    await one.write(`${dir}/down.jpg`, 'a');
    const run = await follow(one, 'push');
    expect(run).toMatchObject({ state: 'failed', failure: { code: 'RUN_FAILED' } });
    expect(run.failures.map(({ failure }) => failure.code)).toEqual(['HOST_UNREACHABLE']);
    await until(async () => (await three.read(`${dir}/down.jpg`)) === 'a');
  });
});

describe('a pull', () => {
  test('by cron, as the environment asks', async () => {
    const { machines } = await open({
      hosts: ['one', 'two'],
      plugin: { rescan: false },
      environment: { SYNCMEDIA_PULL_CRON: '* * * * * *' },
    });
    const [one, two] = machines as [Machine, Machine];
    await two.write(`${dir}/a.jpg`, 'a');
    await until(async () => (await one.read(`${dir}/a.jpg`)) === 'a', { timeout: 15_000 });
    expect(
      (await one.app.sync.runs.list()).some(
        ({ kind, requestedBy: askedBy }) => kind === 'pull' && askedBy === 'SYNCMEDIA_PULL_CRON',
      ),
    ).toBe(true);
  });

  test('an expression that node-cron would let through is an error at start that names the variable', async () => {
    const [one] = (await open({ hosts: ['one'] })).machines as [Machine];
    const environment = { ...one.environment, SYNCMEDIA_PULL_CRON: '*/90 * * * *' };
    const { createSyncMedia } = await import('../../src/instance/create.js');
    await expect(
      (async () => createSyncMedia({ connection: one.app.connection, environment }).start())(),
    ).rejects.toThrow(/SYNCMEDIA_PULL_CRON/);
  });
});

describe('a passive host', () => {
  test('is added by hand, sent to, and pulled from', async () => {
    const [one] = threeOf(await open());
    const passive = await startHost({ name: 'backup' });
    try {
      await passive.trust((await one.app.sync.hosts.show('one')).publicKey);
      await passive.trust((await one.app.sync.hosts.show('two')).publicKey);
      await passive.trust((await one.app.sync.hosts.show('three')).publicKey);
      await mkdir(join(passive.root, dir), { recursive: true });
      const { formatFingerprint: fingerprint } = await import('../../src/util/public-key.js');
      await one.app.sync.hosts.add({
        hostname: 'backup',
        url: '127.0.0.1',
        sshPort: passive.port,
        username: passive.username,
        root: passive.root,
        fingerprint: fingerprint(passive.hostPublicKeys[0] ?? ''),
      });
      await one.write(`${dir}/a.jpg`, 'a');
      await one.app.Photo.create({ title: 'a', file: `${dir}/a.jpg` });
      await until(async () => (await readFile(join(passive.root, dir, 'a.jpg'), 'utf8')) === 'a', {
        timeout: 15_000,
      });
      await (await import('node:fs/promises')).writeFile(join(passive.root, dir, 'b.jpg'), 'b');
      expect(await follow(one, 'pull', { hosts: ['backup'] })).toMatchObject({ state: 'done' });
      expect(await one.read(`${dir}/b.jpg`)).toBe('b');
      await one.app.sync.hosts.unregister('backup');
    } finally {
      await passive.close();
    }
  });
});

test('the reload command runs on hosts that received files, without a shell, and its outcome is recorded', async () => {
  const { machines } = await open({
    hosts: ['one', 'two'],
    environment: { SYNCMEDIA_RELOAD_COMMAND: 'printf %s "reloaded; $(id)"' },
  });
  const [one, two] = machines as [Machine, Machine];
  await one.write(`${dir}/a.jpg`, 'a');
  await one.app.Photo.create({ title: 'a', file: `${dir}/a.jpg` });
  await until(
    async () => (await two.app.sync.hosts.show('two')).reload?.output === 'reloaded; $(id)',
    { timeout: 15_000 },
  );
  expect((await two.app.sync.hosts.show('two')).reload).toMatchObject({ exitCode: 0 });
});

test('each host has only the sync dirs it wants', async () => {
  const large = 'uploads/large';
  const opened = await open({
    plugin: { syncDirs: [dir, large] },
    registration: (name) => (name === 'two' ? { syncDirs: [dir] } : {}),
  });
  const [one, two, three] = threeOf(opened);
  await one.write(`${dir}/a.jpg`, 'a');
  await one.write(`${large}/b.jpg`, 'b');
  await one.app.Photo.create({ title: 'a', file: `${dir}/a.jpg`, thumbnail: `${large}/b.jpg` });
  await until(
    async () =>
      (await three.read(`${large}/b.jpg`)) === 'b' && (await two.read(`${dir}/a.jpg`)) === 'a',
    { timeout: 15_000 },
  );
  await untilNothingPending(opened);
  expect(Object.keys(await two.tree())).toEqual([`${dir}/a.jpg`]);
});

test('a symlinked sync dir stays a symlink, on both sides', async () => {
  const opened = await open({ hosts: ['one', 'two'] });
  const [one, two] = opened.machines as [Machine, Machine];
  for (const machine of [one, two]) {
    const { rename } = await import('node:fs/promises');
    await rename(machine.path(dir), machine.path('shared'));
    await symlink(machine.path('shared'), machine.path(dir));
  }
  await one.write(`${dir}/a.jpg`, 'a');
  await one.write(`${dir}/deep/b.jpg`, 'b');
  await one.app.Photo.create({ title: 'a', file: `${dir}/a.jpg`, thumbnail: `${dir}/deep/b.jpg` });
  await untilNothingPending(opened);
  expect(await two.read('shared/a.jpg')).toBe('a');
  expect(await two.read('shared/deep/b.jpg')).toBe('b');
});
