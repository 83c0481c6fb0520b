import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { getHostCollection } from '../../src/hosts/host-model.js';
import { initHost } from '../../src/hosts/init.js';
import { purgeThisHost } from '../../src/hosts/purge.js';
import type { Host } from '../../src/model/host.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { makeMachine, type Machine } from './site.js';

let database: TestDatabase;
let sshd: TestHost;
let machine: Machine;
let host: Host;
const quick = { watchLeaseMs: 200 };
const rows = () => getHostCollection(database.connection, 'p_');
const listCollections = async (): Promise<string[]> =>
  ((await database.connection.db?.listCollections().toArray()) ?? []).map(({ name }) => name);

beforeEach(async () => {
  database = await testDatabase();
  sshd = await startHost({ name: 'one' });
  machine = await makeMachine(database, sshd);
  host = (await initHost(machine.deps, { syncDirs: ['uploads'] })).host;
  const { root } = sshd;
  await writeFile(join(root, 'uploads/a.jpg'), 'a');
  await mkdir(join(root, 'uploads/.syncmedia/conflicts/2026'), { recursive: true });
  await writeFile(join(root, 'uploads/.syncmedia/conflicts/2026/b.jpg'), 'b');
});
afterEach(async () => {
  await sshd.close();
  await database.close();
});

test('a dry run reports the files that only .syncmedia has, and changes nothing', async () => {
  const internal = join(sshd.root, 'uploads/.syncmedia');
  for (const [area, name] of [
    ['trash', 'album/c.jpg'],
    ['replaced', 'd.jpg'],
    ['replaced', 'album/e.jpg'],
  ] as const) {
    const file = join(internal, area, '2026', name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, name);
  }
  expect(await purgeThisHost(machine.deps, true)).toMatchObject({
    hostname: 'one',
    syncDirs: [{ path: 'uploads', trash: 1, conflicts: 1, replaced: 2 }],
    done: false,
  });
  expect(await readdir(join(sshd.root, 'uploads'))).toEqual(['.syncmedia', 'a.jpg']);
  expect(await rows().findOne({ _id: host.id })).toMatchObject({ status: 'approved' });
});

test('purging the last host removes its folders and the collections, and leaves the uploads and files of others', async () => {
  for (const name of ['notes.txt', '.id_ed25519.0123456789ab', '.host.json.0123456789ab'])
    await writeFile(join(sshd.stateDir, name), 'mine');
  await purgeThisHost(machine.deps, false, quick);
  expect(await readdir(join(sshd.root, 'uploads'))).toEqual(['a.jpg']);
  expect(await readdir(sshd.stateDir)).toEqual(['notes.txt']);
  expect((await listCollections()).filter((name) => name.startsWith('p_'))).toEqual([]);
});

test('while another host is registered the collections stay', async () => {
  await rows().insertOne({
    ...(await rows().findOne({ _id: host.id }))!,
    _id: 'another',
    hostname: 'two',
    url: 'two.example.com',
  });
  expect(await purgeThisHost(machine.deps, false, quick)).toMatchObject({ collections: [] });
  expect(await rows().findOne({ _id: host.id })).toMatchObject({ status: 'retired' });
});

test('a sync dir that bears the marker of another host keeps its internal folder', async () => {
  const marker = join(sshd.root, 'uploads/.syncmedia/id');
  await writeFile(marker, JSON.stringify({ host: 'another', syncDir: 'uploads' }));
  expect(await purgeThisHost(machine.deps, false, quick)).toMatchObject({ syncDirs: [] });
  expect(await readdir(join(sshd.root, 'uploads'))).toContain('.syncmedia');
});

test('nothing is removed while a process leads this host', async () => {
  await rows().updateOne({ _id: host.id }, { $set: { lease: { leader: 'elsewhere', beat: 1 } } });
  let beat = 1;
  const beating = setInterval(() => {
    void rows().updateOne({ _id: host.id }, { $set: { 'lease.beat': ++beat } });
  }, 20);
  try {
    await expect(
      purgeThisHost(machine.deps, false, { watchLeaseMs: 20_000 }),
    ).rejects.toMatchObject({ code: 'BAD_STATE' });
  } finally {
    clearInterval(beating);
  }
  expect(await readdir(join(sshd.root, 'uploads'))).toContain('.syncmedia');
});

test('a machine that was never initialised has nothing to purge', async () => {
  await purgeThisHost(machine.deps, false, quick);
  await expect(purgeThisHost(machine.deps, false, quick)).rejects.toMatchObject({
    code: 'NOT_INITIALISED',
  });
});
