import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { getNativeCollection } from '../../src/util/collections.js';
import type { HostRow } from '../../src/hosts/host-model.js';
import type { LedgerRow } from '../../src/ledger/filters.js';
import type { Run } from '../../src/model/run.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from '../flow/site.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { until } from '../harness/wait.js';
import { unsafePaths } from '../hostile/corpus.js';
import { makeRow } from '../hosts/rows.js';
import { startWeb, type Web } from '../serving/web.js';

/**
 * Which directories a host opens is decided on that host, by its state folder and its models. Rows
 * of the database open none, and a directory without this host's marker stays closed as well.
 */
let site: Site, one: Machine, two: Machine, web: Web, evil: TestHost;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'] });
  [one, two] = site.machines as [Machine, Machine];
  web = await startWeb((app) => {
    app.use('/uploads', one.app.sync.serve('uploads')).use('/config', one.app.sync.serve('config'));
  });
  for (const machine of [one, two]) {
    await machine.write('uploads/private/secret.txt', 'secret');
    await machine.write('config/.env', 'secret');
    await machine.write('config/app.js', 'secret');
  }
  evil = await startHost({ name: 'evil' });
  await evil.trust(one.ssh.publicKey);
  await mkdir(join(evil.root, 'config/.syncmedia'), { recursive: true });
  await writeFile(
    join(evil.root, 'config/.syncmedia/id'),
    JSON.stringify({ host: 'evil', syncDir: 'config' }),
  );
  await writeFile(join(evil.root, 'config/planted.js'), 'planted');
  await rows('syncdirs').insertMany(
    forgedDirs.map((path) => ({
      _id: path,
      exclude: [],
      conflict: 'overwrite',
      onDelete: 'propagate',
    })) as never,
  );
}, 120_000);
afterAll(async () => {
  await web.close();
  await evil.close();
  await site.close();
});

const forgedDirs = [
  'uploads',
  'uploads/private',
  'config',
  '.',
  '',
  ...new Set(unsafePaths.map((path) => path.replaceAll('DIR', 'uploads'))),
].filter((path, i, all) => all.indexOf(path) === i);
const rows = (name: string) => getNativeCollection(site.database.connection, `syncmedia_${name}`);
const ledgerOf = async (paths: readonly string[]) =>
  getNativeCollection<LedgerRow>(site.database.connection, 'syncmedia_ledger')
    .find({ _id: { $in: [...paths] } })
    .toArray();
const secrets = ['uploads/private/secret.txt', 'config/.env', 'config/app.js'];
const ended = async (machine: Machine, run: Run): Promise<Run> =>
  machine.app.sync.runs.follow(run.id);
/** Runs read hosts and sync dirs anew. */
const refresh = async (): Promise<void> => {
  for (const machine of [one, two]) await ended(machine, await machine.app.sync.push());
};

describe('a row of the database that names a directory', () => {
  test('opens it to no visitor', async () => {
    await refresh();
    expect(await one.read('uploads/private/secret.txt')).toBe('secret');
    for (const path of [
      '/uploads/private/secret.txt',
      '/config/app.js',
      '/config/.env',
      '/uploads/private/%73ecret.txt',
      '/uploads/photos/../private/secret.txt',
    ]) {
      expect([path, (await web.get(path)).status]).toEqual([path, 404]);
    }
  });

  test('lets a capture reveal nothing of the files there', async () => {
    await refresh();
    const me = (await one.app.sync.status()).thisHost?.id;
    await rows('captures').insertOne({
      _id: 'forged',
      host: me,
      dueAt: new Date(0),
      touched: secrets,
      unreferenced: [],
      rescan: [{ dir: 'config', after: 0 }],
    } as never);
    await until(
      async () => (await rows('captures').countDocuments({ _id: 'forged' as never })) === 0,
      { timeout: 20_000 },
    );
    await one.app.sync.push().then((run) => ended(one, run));
    expect(await ledgerOf(secrets)).toEqual([]);
    await expect(one.app.sync.capture(['config/app.js'])).rejects.toMatchObject({
      code: 'BAD_PATH',
    });
  });

  test('is marked by no init, which lists it, and nothing goes to or comes from a forged host', async () => {
    await getNativeCollection<HostRow>(site.database.connection, 'syncmedia_hosts').insertOne(
      makeRow('evil', {
        hostname: 'evil',
        url: evil.hostname,
        sshPort: evil.port,
        username: evil.username,
        hostKeys: [...evil.hostPublicKeys],
        rootPath: evil.root,
        passive: true,
        readyAt: new Date(),
      }),
    );
    const { checks } = await one.app.sync.hosts.init();
    for (const path of ['uploads', 'uploads/private', 'config'])
      await expect(stat(one.path(`${path}/.syncmedia`)), path).rejects.toMatchObject({
        code: 'ENOENT',
      });
    const ignored = checks.find(({ name }) => name === 'rows of sync dirs');
    expect(ignored).toMatchObject({
      ok: true,
      remedy: expect.stringContaining('--sync-dirs') as string,
    });
    for (const path of ['uploads/private', 'config']) expect(ignored?.message).toContain(path);
    const second = await one.startApp();
    for (const kind of ['push', 'verify', 'pull'] as const)
      await one.app.sync[kind]({ hosts: ['evil'] }).then((run) => ended(one, run));
    await one.app.sync.adopt({ dryRun: false }).then((run) => ended(one, run));
    await expect(readFile(join(evil.root, 'config/.env'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
    await expect(readFile(join(evil.root, 'config/app.js'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(await one.read('config/planted.js')).toBeUndefined();
    expect(await ledgerOf([...secrets, 'config/planted.js'])).toEqual([]);
    await getNativeCollection<HostRow>(site.database.connection, 'syncmedia_hosts').deleteOne({
      _id: 'evil',
    });
    await expect(one.app.sync.push({ dirs: ['config'] })).rejects.toMatchObject({
      code: 'BAD_SYNC_DIR',
    });
    // The next tests read the log of the first process, which has to lead.
    await second.close();
  }, 120_000);
});

describe.each([
  ['without a marker', undefined],
  ['marked for another host', { host: 'another', syncDir: dir }],
  ['marked as another sync dir', { host: '', syncDir: 'uploads/other' }],
])('a directory of its own that is %s', (_what, marker) => {
  const id = `${dir}/.syncmedia/id`;
  let before = '';
  afterEach(async () => {
    await writeFile(one.path(id), before);
  });

  test('is neither served nor hashed nor sent nor received nor scanned by a host', async () => {
    before = await readFile(one.path(id), 'utf8');
    const me = (await one.app.sync.status()).thisHost?.id ?? '';
    await one.write(`${dir}/served.jpg`, 'served');
    await until(async () => (await web.get('/uploads/photos/served.jpg')).status === 200);
    await untilNothingPending(site);
    if (marker)
      await writeFile(one.path(id), JSON.stringify({ ...marker, host: marker.host || me }));
    else await rm(one.path(id));

    expect((await web.get('/uploads/photos/served.jpg')).status).toBeGreaterThanOrEqual(404);
    const [captured, saved] = ['captured.jpg', 'saved.jpg'].map(
        (name) => `${dir}/${_what.replaceAll(' ', '-')}-${name}`,
      ) as [string, string],
      names = [captured, saved];
    for (const name of names) await one.write(name, name);
    await rows('captures').insertOne({
      _id: `forged ${_what}`,
      host: me,
      dueAt: new Date(0),
      touched: [captured],
      unreferenced: [],
      rescan: [],
    } as never);
    await one.app.Photo.create({ title: 'saved', file: saved });
    await until(
      () =>
        one.app.log.some((line) => line.includes('processing files') && line.includes(captured)),
      { timeout: 20_000 },
    );
    for (const kind of ['push', 'verify', 'pull'] as const)
      await one.app.sync[kind]().then((run) => ended(one, run));
    expect(await ledgerOf(names)).toEqual([]);
    for (const name of names) expect(await two.read(name)).toBeUndefined();
    await one.write(`${dir}/.syncmedia/trash/x/kept.jpg`, 'kept');
    expect(await one.app.sync.recoverable.list('trash')).toEqual([]);

    // Nothing is lost: what was saved meanwhile goes out once the directory is this host's again.
    await writeFile(one.path(id), before);
    await until(async () => (await two.read(saved)) === saved, { timeout: 30_000 });
    await until(async () => (await web.get('/uploads/photos/served.jpg')).status === 200);
  }, 120_000);
});
