import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { editHost } from '../../src/hosts/edit.js';
import { getHostCollection, toHost } from '../../src/hosts/host-model.js';
import { initHost } from '../../src/hosts/init.js';
import { readState } from '../../src/state-dir/state.js';
import type { HostEdit } from '../../src/api/requests.js';
import type { Host } from '../../src/model/host.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { makeRow } from './rows.js';
import { makeMachine, type Machine } from './site.js';

let database: TestDatabase;
let sshd: TestHost;
let machine: Machine;
let me: Host;
beforeAll(async () => {
  database = await testDatabase();
  sshd = await startHost({ name: 'edited' });
});
afterAll(async () => {
  await sshd.close();
  await database.close();
});
beforeEach(async () => {
  machine = await makeMachine(database, sshd);
  me = (await initHost(machine.deps, { syncDirs: ['uploads'] })).host;
  await getHostCollection(database.connection, 'p_').insertMany([
    makeRow('other'),
    makeRow('mirror', { passive: true }),
    makeRow('gone', { status: 'retired' }),
  ]);
});
afterEach(async () => {
  for (const name of ['p_hosts', 'p_meta'])
    await database.connection.collection(name).deleteMany({});
  await rm(join(sshd.stateDir, 'host.json'), { force: true });
  await writeFile(sshd.authorizedKeysFile, '');
});

const read = async (id: string): Promise<Host> => {
  const row = await getHostCollection(database.connection, 'p_').findOne({ _id: id });
  if (!row) throw new Error(`no host ${id}`);
  return toHost(row);
};
const edit = async (id: string, fields: HostEdit): Promise<Host> =>
  editHost(machine.deps, await read(id), fields);
const refused = (code: string, what: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(what) as string });

describe('editHost', () => {
  test('changes another host, and nothing else of it', async () => {
    const before = await read('other');
    const after = await edit('other', {
      hostname: 'renamed',
      url: '10.0.0.9',
      sshPort: 2222,
      username: 'www',
      syncDirs: ['a/', './b'],
      status: 'paused',
    });
    expect(after).toEqual({
      ...before,
      hostname: 'renamed',
      url: '10.0.0.9',
      sshPort: 2222,
      username: 'www',
      syncDirs: ['a', 'b'],
      status: 'paused',
      paused: { since: expect.any(Date) as Date },
      updatedAt: after.updatedAt,
    });
    expect(await read('other')).toEqual(after);
  });

  test('approves no host that waits, and lets none in as a paused one', async () => {
    await getHostCollection(database.connection, 'p_').updateOne(
      { _id: 'other' },
      { $set: { status: 'pending' } },
    );
    for (const status of ['approved', 'paused'] as const)
      await expect(edit('other', { status })).rejects.toThrow(
        refused('BAD_OPTION', 'syncmedia approve other'),
      );
    expect((await read('other')).status).toBe('pending');
  });

  test('changes the root of a passive host, and of an active one only there', async () => {
    expect((await edit('mirror', { rootPath: '/srv/new/' })).rootPath).toBe('/srv/new');
    await expect(edit('other', { rootPath: '/srv/new' })).rejects.toThrow(
      refused('BAD_OPTION', 'init --root /srv/new'),
    );
    expect((await edit('other', { rootPath: '/srv/app' })).rootPath).toBe('/srv/app');
  });

  test('marks new sync dirs of a passive host there, before its row names them', async () => {
    await edit('mirror', { url: '10.0.0.9' });
    expect(machine.marked).toEqual([]);
    await edit('mirror', { syncDirs: ['uploads', 'invoices'] });
    expect(machine.marked).toEqual([['mirror', ['invoices']]]);
    machine.deps.markRemoteDirs = () => Promise.reject(new Error('no login there'));
    await expect(edit('mirror', { syncDirs: ['videos'] })).rejects.toThrow('no login there');
    expect((await read('mirror')).syncDirs).toEqual(['uploads', 'invoices']);
  });

  test('marks all sync dirs of a passive host below a new root', async () => {
    await edit('mirror', { syncDirs: ['uploads', 'invoices'] });
    machine.marked.length = 0;
    await edit('mirror', { rootPath: '/srv/app' });
    expect(machine.marked).toEqual([]);
    await edit('mirror', { rootPath: '/srv/new' });
    expect(machine.marked).toEqual([['mirror', ['invoices', 'uploads']]]);
  });

  test('marks nothing on a passive host whose sync dirs are narrowed', async () => {
    await edit('mirror', { syncDirs: ['uploads', 'invoices'] });
    machine.deps.markRemoteDirs = () => Promise.reject(new Error('no login there'));
    expect((await edit('mirror', { syncDirs: ['invoices'] })).syncDirs).toEqual(['invoices']);
    expect((await edit('mirror', { syncDirs: ['invoices'] })).syncDirs).toEqual(['invoices']);
  });

  test('registers this host anew, state folder and all', async () => {
    const after = await edit(me.id, { hostname: 'new-name', syncDirs: [], status: 'paused' });
    expect(after).toMatchObject({
      id: me.id,
      hostname: 'new-name',
      syncDirs: [],
      status: 'paused',
      rootPath: me.rootPath,
    });
    expect(readState(sshd.stateDir)).toMatchObject({
      id: me.id,
      hostname: 'new-name',
      syncDirs: [],
    });
    await expect(edit(me.id, { rootPath: '/no/such/root' })).rejects.toThrow(
      refused('BAD_OPTION', 'does not exist'),
    );
    expect(await read(me.id)).toEqual(after);
  });

  test.each<[string, HostEdit, string, string]>([
    ['a name that is taken', { hostname: 'name-mirror' }, 'HOST_EXISTS', 'name-mirror'],
    [
      'an address that is taken',
      { url: 'mirror.example.com' },
      'HOST_EXISTS',
      'mirror.example.com port 22',
    ],
    ['a bad port', { sshPort: 1.5 }, 'BAD_OPTION', 'sshPort'],
    ['a bad url', { url: 'a;b' }, 'BAD_OPTION', 'url'],
    ['a bad sync dir', { syncDirs: ['/a'] }, 'BAD_SYNC_DIR', 'absolute'],
    ['a key that is none', { publicKey: 'x' }, 'BAD_KEY', 'the key of name-other'],
    ['an empty key of an active host', { publicKey: '' }, 'BAD_KEY', 'is empty'],
    ['a status that only we give', { status: 'retired' as 'paused' }, 'BAD_OPTION', '"retired"'],
  ])('refuses %s', async (_, fields, code, what) => {
    const before = await read('other');
    await expect(edit('other', fields)).rejects.toThrow(refused(code, what));
    expect(await read('other')).toEqual(before);
  });

  test('refuses a retired host', async () => {
    await expect(edit('gone', { status: 'approved' })).rejects.toThrow(
      refused('HOST_RETIRED', 'syncmedia init'),
    );
  });
});
