import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { mongo } from 'mongoose';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Tuning } from '../../src/config/config.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

/** What docs/backups.md promises: database and files of two different days lose nothing. */
vi.setConfig({ testTimeout: 420_000, hookTimeout: 60_000 });

const run = promisify(execFile);
let site: Site, one: Machine, two: Machine, three: Machine;
let backups: TestDir;
beforeEach(async () => {
  backups = await makeTestDir();
  site = await openSite({ plugin: { onDelete: 'propagate', rescan: false } });
  [one, two, three] = threeOf(site);
});
afterEach(async () => {
  await site.close();
  await backups.remove();
});

const photo = (name: string): string => `${dir}/${name}`;
const settle = (): Promise<void> => untilNothingPending(site, 60_000);

async function save(machine: Machine, name: string, content: string): Promise<void> {
  await machine.write(photo(name), content);
  await machine.app.Photo.create({ title: content, file: photo(name) });
}

async function remove(machine: Machine, name: string): Promise<void> {
  await machine.app.Photo.deleteMany({ file: photo(name) });
  await rm(machine.path(photo(name)));
}

const untilGone = (machine: Machine, name: string): Promise<unknown> =>
  until(async () => (await machine.read(photo(name))) === undefined, {
    timeout: 30_000,
    what: `the end of ${name} on ${machine.name}`,
  });

/**
 * Until each host has backfilled the others for good. A host that does so after the files are gone
 * has those that nobody holds pending for as long as nobody does.
 */
const untilBackfilled = (): Promise<unknown> =>
  until(
    async () => {
      const hosts = await site.database.connection
        .collection('syncmedia_hosts')
        .find<{ backfilled?: string[] }>({})
        .toArray();
      const others = hosts.length - 1;
      return hosts.every(({ backfilled = [] }) => backfilled.length === others);
    },
    { timeout: 60_000, what: 'the backfills of all hosts' },
  );

/** The names of a host's sync dir with their content. */
async function list(machine: Machine): Promise<Record<string, string>> {
  const paths = Object.keys(await machine.tree()).sort();
  return Object.fromEntries(
    await Promise.all(
      paths.map(
        async (path) => [path.slice(dir.length + 1), (await machine.read(path)) ?? ''] as const,
      ),
    ),
  );
}

/** A host whose scan took long, as on a busy machine, waits twenty times as long until the next. */
const untilListed = (machine: Machine, files: Record<string, string>): Promise<void> =>
  expect.poll(() => list(machine), { timeout: 180_000 }).toEqual(files);

type Dump = Map<string, mongo.BSON.Document[]>;

/** Everything in the database, each number with its type, as mongodump writes it. */
async function dumpDatabase(): Promise<Dump> {
  const { db } = site.database.connection;
  const dump: Dump = new Map();
  for (const { name } of (await db?.listCollections().toArray()) ?? [])
    dump.set(name, (await db?.collection(name).find({}, { promoteValues: false }).toArray()) ?? []);
  return dump;
}

/** What mongorestore --drop leaves. */
async function restoreDatabase(dump: Dump): Promise<void> {
  const { db } = site.database.connection;
  for (const { name } of (await db?.listCollections().toArray()) ?? []) {
    await db?.collection(name).deleteMany({});
    const documents = dump.get(name) ?? [];
    if (documents.length > 0) await db?.collection(name).insertMany(documents);
  }
}

const backUpFiles = (machine: Machine): Promise<unknown> =>
  run('cp', ['-a', machine.ssh.root, join(backups.path, machine.name)]);

async function restoreFiles(machine: Machine): Promise<void> {
  await rm(machine.ssh.root, { recursive: true });
  await run('cp', ['-a', join(backups.path, machine.name), machine.ssh.root]);
}

async function stopApps(machines: readonly Machine[]): Promise<void> {
  for (const machine of machines) await machine.app.close();
}

async function startApps(
  machines: readonly Machine[],
  tuning: Partial<Tuning> = {},
): Promise<void> {
  for (const machine of machines) machine.app = await machine.startApp({ tuning });
}

async function pushOnEachHost(): Promise<void> {
  for (const { app } of site.machines) {
    const { id } = await app.sync.push();
    expect(await app.sync.runs.follow(id)).toMatchObject({ state: 'done' });
  }
}

test("with yesterday's database every file of today stays, and reaches every host after a push", async () => {
  await save(one, 'kept.jpg', 'kept');
  await save(one, 'changed.jpg', 'changed, first');
  await save(two, 'deleted.jpg', 'deleted');
  await save(one, 'reborn.jpg', 'reborn, first');
  await save(one, 'undead.jpg', 'undead, first');
  await settle();
  await remove(one, 'reborn.jpg');
  await untilGone(three, 'reborn.jpg');
  await settle();
  // The backup has a file and a delete that the third host has not received.
  await three.ssh.stop();
  await save(one, 'waiting.jpg', 'waiting, first');
  await remove(one, 'undead.jpg');
  await until(async () => (await two.read(photo('waiting.jpg'))) === 'waiting, first', {
    timeout: 30_000,
  });
  await untilGone(two, 'undead.jpg');
  const yesterday = await dumpDatabase();

  await three.ssh.start();
  await settle();
  await save(two, 'changed.jpg', 'changed, second');
  await save(three, 'new.jpg', 'new');
  await save(two, 'reborn.jpg', 'reborn, second');
  await save(three, 'undead.jpg', 'undead, second');
  await save(two, 'waiting.jpg', 'waiting, second');
  await remove(two, 'deleted.jpg');
  await untilGone(three, 'deleted.jpg');
  await untilGone(one, 'deleted.jpg');
  await settle();
  // One save is acknowledged and delivered to nobody.
  for (const { ssh } of [one, three]) await ssh.stop();
  await save(two, 'last.jpg', 'last');
  await stopApps(site.machines);
  await restoreDatabase(yesterday);
  for (const { ssh } of [one, three]) await ssh.start();
  await startApps(site.machines);

  const today = {
    'changed.jpg': 'changed, second',
    // A document names it again.
    'deleted.jpg': 'deleted',
    'kept.jpg': 'kept',
    'last.jpg': 'last',
    'new.jpg': 'new',
    'reborn.jpg': 'reborn, second',
    'undead.jpg': 'undead, second',
    'waiting.jpg': 'waiting, second',
  };
  await pushOnEachHost();
  await settle();
  for (const machine of site.machines) await untilListed(machine, today);
  // A later scan decides the same.
  await pushOnEachHost();
  await settle();
  for (const machine of site.machines) expect(await list(machine)).toEqual(today);
});

test("a host with yesterday's files takes nothing from the others, and has the files of today after a pull", async () => {
  await save(one, 'kept.jpg', 'kept');
  await save(one, 'changed.jpg', 'changed, first');
  await save(two, 'deleted.jpg', 'deleted');
  await save(one, 'reborn.jpg', 'reborn, first');
  await settle();
  await backUpFiles(two);
  await save(one, 'changed.jpg', 'changed, second');
  await remove(one, 'reborn.jpg');
  await remove(two, 'deleted.jpg');
  for (const name of ['reborn.jpg', 'deleted.jpg']) await untilGone(three, name);
  await settle();
  await save(three, 'reborn.jpg', 'reborn, second');
  await save(two, 'own.jpg', 'own');
  await settle();
  const today = await list(one);
  expect(Object.keys(today)).toEqual(['changed.jpg', 'kept.jpg', 'own.jpg', 'reborn.jpg']);

  await stopApps([two]);
  await restoreFiles(two);
  // The daily scan comes at once.
  await startApps([two], { scanAllMs: 1_500, candidateMs: 1_000 });
  const { id } = await two.app.sync.pull();
  expect(await two.app.sync.runs.follow(id)).toMatchObject({ state: 'done' });
  await untilListed(two, today);
  await settle();
  // What was deleted since the backup lies in the trash of the restored host.
  await until(async () => (await two.listArea('trash')).includes('deleted.jpg'));
  for (const machine of [one, three]) expect(await list(machine)).toEqual(today);
});

test("yesterday's files on every host stay, and a file that only today's disks had is listed as missing", async () => {
  await save(one, 'kept.jpg', 'kept');
  await save(one, 'changed.jpg', 'changed, first');
  await settle();
  const yesterday = await list(one);
  for (const machine of site.machines) await backUpFiles(machine);
  await save(two, 'changed.jpg', 'changed, second');
  await save(two, 'new.jpg', 'new');
  await settle();

  await untilBackfilled();
  await stopApps(site.machines);
  for (const machine of site.machines) await restoreFiles(machine);
  await startApps(site.machines, { scanAllMs: 1_500, candidateMs: 1_000 });
  await pushOnEachHost();
  await until(async () => (await one.app.sync.status()).missing === 2, {
    timeout: 60_000,
    what: 'the two files that no disk has',
  });
  for (const machine of site.machines) expect(await list(machine)).toEqual(yesterday);
  // A person decides that yesterday's bytes are the version.
  await one.app.sync.capture([photo('changed.jpg')]);
  await settle();
  for (const machine of site.machines) expect(await list(machine)).toEqual(yesterday);
});

test("a host with yesterday's files brings no version back that the ledger has forgotten since", async () => {
  await save(one, 'busy.jpg', 'version 0');
  const second = Math.floor(Date.now() / 1000);
  await settle();
  await backUpFiles(two);
  // The dates of versions are whole seconds, and those of one second say nothing of their order.
  await until(() => Math.floor(Date.now() / 1000) > second);
  // The ledger remembers the newest 16.
  for (let version = 1; version <= 18; version++) {
    const content = `version ${String(version)}`;
    await save(one, 'busy.jpg', content);
    await until(async () => (await two.read(photo('busy.jpg'))) === content, { timeout: 30_000 });
  }
  await settle();
  await stopApps([two]);
  await restoreFiles(two);
  await startApps([two], { scanAllMs: 1_500, candidateMs: 1_000 });
  await untilListed(two, { 'busy.jpg': 'version 18' });
  await settle();
  for (const machine of site.machines)
    expect(await list(machine)).toEqual({ 'busy.jpg': 'version 18' });
});

test("with yesterday's database a file that was set back to an older version since, with its date, lies in the trash", async () => {
  const setTo = async (content: string, mtime: number): Promise<void> => {
    await one.write(photo('a.jpg'), content, mtime);
    await one.app.Photo.create({ title: content, file: photo('a.jpg') });
    await settle();
    for (const machine of site.machines) expect(await list(machine)).toEqual({ 'a.jpg': content });
  };
  await setTo('version 1', 1_600_000_000);
  await setTo('version 2', 1_600_000_100);
  const yesterday = await dumpDatabase();
  await setTo('version 1', 1_600_000_000);
  await stopApps(site.machines);
  await restoreDatabase(yesterday);
  await startApps(site.machines, { candidateMs: 1_000 });
  await pushOnEachHost();
  await settle();
  for (const machine of site.machines) {
    await untilListed(machine, { 'a.jpg': 'version 2' });
    // It leaves its path a little earlier.
    await until(async () => {
      const trash = await machine.app.sync.recoverable.list('trash');
      const copies = await Promise.all(trash.map(({ keptAs }) => machine.read(`${dir}/${keptAs}`)));
      return copies.includes('version 1');
    });
  }
});
