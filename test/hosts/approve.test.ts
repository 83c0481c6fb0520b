import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { digestHost } from '../../src/api/describe-host.js';
import { approveHost, sealHosts } from '../../src/hosts/approve.js';
import { editHost } from '../../src/hosts/edit.js';
import { getHostCollection } from '../../src/hosts/host-model.js';
import { findHost, insertHost, listHosts } from '../../src/hosts/host-rows.js';
import { initHost } from '../../src/hosts/init.js';
import { installKeys } from '../../src/access/install-keys.js';
import { addPassiveHost } from '../../src/hosts/passive.js';
import { Seals } from '../../src/hosts/seal.js';
import { readState } from '../../src/state-dir/state.js';
import type { HostEdit } from '../../src/api/requests.js';
import type { Host } from '../../src/model/host.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { makeRow } from './rows.js';
import { makeMachine, type Machine } from './site.js';

const secret = 'the secret of this site, 32 bytes';
let database: TestDatabase;
let sshd: TestHost;
let machine: Machine;
beforeAll(async () => {
  database = await testDatabase();
  sshd = await startHost({ name: 'approved' });
});
afterAll(async () => {
  await sshd.close();
  await database.close();
});
beforeEach(async () => {
  machine = await makeMachine(database, sshd);
  machine.deps.seals = new Seals(secret);
});
afterEach(async () => {
  for (const name of ['p_hosts', 'p_meta'])
    await database.connection.collection(name).deleteMany({});
  await rm(join(sshd.stateDir, 'host.json'), { force: true });
  await writeFile(sshd.authorizedKeysFile, '');
});

const rows = () => getHostCollection(database.connection, 'p_');
const refused = (code: string, what = ''): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(what) as string });
const init = async (): Promise<Host> =>
  (await initHost(machine.deps, { syncDirs: ['uploads'] })).host;
const find = async (id: string): Promise<Host> =>
  (await findHost(machine.deps, id)) ?? expect.fail(`no host ${id}`);
const installed = async (): Promise<string> => {
  const state = readState(sshd.stateDir) ?? expect.fail('no state');
  await installKeys(
    { stateDir: sshd.stateDir, state, log: machine.deps.config.log },
    await listHosts(machine.deps),
  );
  return readFile(sshd.authorizedKeysFile, 'utf8');
};
/** Another host, as it registers itself. */
const addOther = (given: Partial<Host> = {}): Promise<Host> => {
  const { _id, ...rest } = makeRow('other', {
    publicKey: otherKey,
    hostKeys: [otherKey],
    ...given,
  });
  return insertHost(machine.deps, _id, rest);
};
const otherKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC5uvAVpC7JW/g9daC2CMKpg+ojVhYpt4ITjgEdd9iZU';

/** Does something else before the next write to a row of a host. */
function meanwhile(change: () => Promise<unknown>): void {
  const collection = Object.getPrototypeOf(rows()) as ReturnType<typeof rows>,
    write = collection.findOneAndUpdate;
  vi.spyOn(collection, 'findOneAndUpdate').mockImplementationOnce(async function (
    this: unknown,
    ...given: unknown[]
  ) {
    vi.restoreAllMocks();
    await change();
    return Reflect.apply(write, this, given) as Promise<never>;
  });
}

describe('with a secret', () => {
  test('init, edit, approve and pause seal the row they write', async () => {
    const me = await init();
    await addOther();
    expect((await listHosts(machine.deps)).map(({ status }) => status)).toEqual([
      'approved',
      'approved',
    ]);
    for (const fields of [
      { status: 'paused' },
      { hostname: 'renamed', syncDirs: ['a'] },
      { status: 'approved' },
    ] as HostEdit[]) {
      const edited = await editHost(machine.deps, await find('other'), fields);
      expect(edited.unsealed).toBeUndefined();
      expect(await find('other')).toEqual(edited);
    }
    await editHost(machine.deps, me, { syncDirs: [] });
    expect((await init()).status).toBe('approved');
  });

  test('a row that somebody else wrote is pending: its key is installed nowhere', async () => {
    await init();
    await rows().insertOne(makeRow('forged', { publicKey: otherKey, status: 'approved' }));
    expect(await find('forged')).toMatchObject({ status: 'pending', unsealed: true });
    expect(await installed()).not.toContain(otherKey);
  });

  test.each<[string, object]>([
    ['key', { publicKey: otherKey }],
    ['host keys', { hostKeys: [otherKey.replace('uvAV', 'uvAW')] }],
    ['address', { url: 'evil.example' }],
    ['port', { sshPort: 1 }],
    ['user', { username: 'root' }],
    ['root', { rootPath: '/' }],
    ['sync dirs', { syncDirs: ['other'] }],
    ['status', { status: 'paused' }],
  ])(
    'a row whose %s somebody else changed is pending, until it is approved as it is',
    async (_, change) => {
      await init();
      await addOther({ publicKey: '' });
      await rows().updateOne({ _id: 'other' }, { $set: change });
      const found = await find('other');
      expect(found).toMatchObject({ status: 'pending', unsealed: true });
      await expect(editHost(machine.deps, found, { status: 'paused' })).rejects.toThrow(
        refused('BAD_OPTION', 'syncmedia approve'),
      );
      // Any other edit seals it as it counts: pending.
      expect(await editHost(machine.deps, found, { hostname: 'seen' })).toMatchObject({
        status: 'pending',
        hostname: 'seen',
      });
      const looked = await find('other');
      expect(looked.unsealed).toBeUndefined();
      expect((await approveHost(machine.deps, looked, digestHost(looked))).status).toBe('approved');
    },
  );

  test.each<[string, object]>([
    ['no seal, as null', { seal: null }],
    ['an object as its seal', { seal: { $gt: '' } }],
    ['an object as its status', { status: { $ne: 'retired' } }],
    ['null as its user', { username: null }],
    ['a list in a list of keys', { hostKeys: [[otherKey]] }],
  ])('a row with %s can be put right by init on that host', async (_what, strange) => {
    const me = await init();
    await rows().updateOne({ _id: me.id }, { $set: strange });
    expect(await init()).toMatchObject({ id: me.id, username: me.username, hostKeys: me.hostKeys });
    expect((await find(me.id)).unsealed).toBeUndefined();
  });

  test('approves exactly the keys that were shown', async () => {
    await init();
    await addOther({ status: 'pending' });
    const shown = await find('other');
    await rows().updateOne(
      { _id: 'other' },
      { $set: { publicKey: otherKey.replace('uvAV', 'uvAW') } },
    );
    await expect(approveHost(machine.deps, shown, digestHost(shown))).rejects.toThrow(
      refused('HOST_CHANGED'),
    );
    expect((await find('other')).status).toBe('pending');
    await expect(approveHost(machine.deps, await find('other'), digestHost(shown))).rejects.toThrow(
      refused('HOST_CHANGED'),
    );
  });

  test('init restores the row of its own host', async () => {
    const me = await init();
    await rows().updateOne({ _id: me.id }, { $set: { publicKey: otherKey, passive: true } });
    expect(await find(me.id)).toMatchObject({ status: 'pending', unsealed: true });
    expect(await init()).toMatchObject({
      status: 'approved',
      publicKey: me.publicKey,
      passive: false,
    });
    machine.deps.config.autoApprove = false;
    await rows().updateOne({ _id: me.id }, { $set: { publicKey: otherKey } });
    expect(await init()).toMatchObject({ status: 'pending', publicKey: me.publicKey });
  });

  test('a process without the secret changes nothing that is sealed, but may retire a host', async () => {
    await init();
    await addOther();
    machine.deps.seals = new Seals();
    await expect(editHost(machine.deps, await find('other'), { status: 'paused' })).rejects.toThrow(
      refused('BAD_ENVIRONMENT', 'SYNCMEDIA_SECRET'),
    );
    await expect(addOther({ hostname: 'x' })).rejects.toThrow(
      refused('BAD_ENVIRONMENT', 'SYNCMEDIA_SECRET'),
    );
    machine.deps.seals = new Seals(secret);
    expect((await find('other')).status).toBe('approved');
  });

  test('another secret: rows sealed with the previous one are sealed anew, others wait for a person', async () => {
    await init();
    await addOther();
    await rows().insertOne(makeRow('forged'));
    machine.deps.seals = new Seals(`${secret}, changed`, secret);
    const { sealed, pending } = await sealHosts(machine.deps);
    expect([sealed.map(({ hostname }) => hostname).sort(), pending.map(({ id }) => id)]).toEqual([
      ['approved', 'name-other'],
      ['forged'],
    ]);
    machine.deps.seals = new Seals(`${secret}, changed`);
    expect((await listHosts(machine.deps)).map(({ status }) => status).sort()).toEqual([
      'approved',
      'approved',
      'pending',
    ]);
    machine.deps.seals = new Seals(secret);
    expect((await listHosts(machine.deps)).every(({ unsealed }) => unsealed)).toBe(true);
  });
});

describe('approval', () => {
  test('without automatic approval a new host waits, and its key is installed nowhere', async () => {
    await init();
    await addOther({ status: 'pending' });
    expect(await installed()).not.toContain(otherKey);
    const waiting = await find('other');
    await approveHost(machine.deps, waiting, digestHost(waiting));
    expect(await installed()).toContain(otherKey);
  });

  test('a host of ours that waits is registered as pending, and says so', async () => {
    machine.deps.config.autoApprove = false;
    const { host, checks } = await initHost(machine.deps, { syncDirs: ['uploads'] });
    expect(host.status).toBe('pending');
    expect(checks.find(({ name }) => name === 'approval')).toMatchObject({
      ok: true,
      remedy: expect.stringContaining('syncmedia approve approved') as string,
    });
  });

  test.each<[string, Seals]>([
    ['with a secret', new Seals(secret)],
    ['without one', new Seals()],
  ])('a host that becomes another one while it is approved waits on, %s', async (_what, seals) => {
    machine.deps.seals = seals;
    await init();
    await addOther({ status: 'pending' });
    const evil = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFFUl0Ph1YyYoUzTTmCk7dZfVd3vJ8nS7mQm3d2K9a5b';
    const changes: HostEdit[] = [
      { publicKey: evil },
      { url: 'evil.example' },
      { sshPort: 2 },
      { username: 'daemon' },
      { syncDirs: ['config'] },
      { hostname: 'evil' },
    ];
    for (const change of changes) {
      const shown = await find('other');
      // Between the look at the row and the write, as somebody does who asks the router for it all
      // the time.
      meanwhile(() => editHost(machine.deps, shown, change, {}, { remote: true }));
      await expect(approveHost(machine.deps, shown, digestHost(shown))).rejects.toThrow(
        refused('HOST_CHANGED'),
      );
      expect(await find('other')).toMatchObject({ status: 'pending', ...change });
    }
    expect(await installed()).not.toContain(evil);
  });

  test('a pending host becomes paused by no edit: paused ones are let in', async () => {
    await init();
    await addOther({ status: 'pending' });
    for (const status of ['paused', 'approved'] as const) {
      await expect(editHost(machine.deps, await find('other'), { status })).rejects.toThrow(
        refused('BAD_OPTION', 'approve'),
      );
    }
  });

  test.each<[string, HostEdit]>([
    ['key', { publicKey: otherKey }],
    ['url', { url: 'elsewhere.example' }],
    ['port', { sshPort: 2022 }],
    ['user', { username: 'root' }],
  ])(
    'from afar, another %s makes an approved host pending; at a host it stays',
    async (_, edit) => {
      await init();
      await addOther({ publicKey: '' });
      expect((await editHost(machine.deps, await find('other'), edit)).status).toBe('approved');
      await rows().deleteOne({ _id: 'other' });
      await addOther({ publicKey: '' });
      expect(
        (
          await editHost(
            machine.deps,
            await find('other'),
            { ...edit, status: 'approved' },
            {},
            { remote: true },
          )
        ).status,
      ).toBe('pending');
      expect(
        (
          await editHost(
            machine.deps,
            await find('other'),
            { hostname: 'x', syncDirs: ['b'] },
            {},
            { remote: true },
          )
        ).status,
      ).toBe('pending');
    },
  );

  test('from afar, another url of this very host makes it pending too, and nothing is connected to', async () => {
    const me = await init();
    let tried = 0;
    machine.deps.tryHost = () => {
      tried++;
      return Promise.resolve([]);
    };
    const report = await initHost(machine.deps, { url: 'elsewhere.example' }, {}, { remote: true });
    expect([report.host.id, report.host.status, tried]).toEqual([me.id, 'pending', 0]);
    expect(
      (
        await editHost(
          machine.deps,
          await find(me.id),
          { sshPort: sshd.port },
          {},
          { remote: true },
        )
      ).status,
    ).toBe('pending');
  });

  test('from afar, init neither sets the root nor opens a directory nor marks one', async () => {
    await mkdir(join(sshd.root, '.ssh'), { recursive: true });
    for (const asked of [
      { root: sshd.dir },
      { syncDirs: ['.ssh'] },
      { root: sshd.root, syncDirs: ['.ssh'] },
    ]) {
      await expect(initHost(machine.deps, asked, {}, { remote: true })).rejects.toThrow(
        refused('FORBIDDEN', 'on that host'),
      );
    }
    await init();
    for (const asked of [
      { root: sshd.dir },
      { syncDirs: ['.ssh'] },
      { syncDirs: ['uploads', '.ssh'] },
    ]) {
      await expect(initHost(machine.deps, asked, {}, { remote: true })).rejects.toThrow(
        refused('FORBIDDEN', 'on that host'),
      );
      const me = await find(readState(sshd.stateDir)?.id ?? '');
      await expect(
        editHost(
          machine.deps,
          me,
          { rootPath: asked.root, syncDirs: asked.syncDirs } as HostEdit,
          {},
          { remote: true },
        ),
      ).rejects.toThrow(refused('FORBIDDEN', 'on that host'));
    }
    expect(readState(sshd.stateDir)).toMatchObject({ root: sshd.root });
    await expect(stat(join(sshd.root, '.ssh/.syncmedia'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
    await rm(join(sshd.root, 'uploads/.syncmedia'), { recursive: true });
    const report = await initHost(machine.deps, {}, {}, { remote: true });
    await expect(stat(join(sshd.root, 'uploads/.syncmedia'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(report.checks.filter(({ ok }) => !ok).map(({ message }) => message)).toEqual(
      expect.arrayContaining([expect.stringContaining('uploads is not marked')]),
    );
  });

  test('a passive host that was added from afar is pending, unconnected to, and marked when it is approved', async () => {
    await init();
    const asked = { hostname: 'nas', url: 'nas.example', root: '/media', hostKey: otherKey };
    const added = await addPassiveHost(machine.deps, asked, { remote: true });
    expect([added.status, added.hostKeys, machine.marked]).toEqual(['pending', [otherKey], []]);
    await expect(
      addPassiveHost(
        machine.deps,
        { hostname: 'x', root: '/media', fingerprint: 'SHA256:x' },
        { remote: true },
      ),
    ).rejects.toThrow(refused('BAD_OPTION', 'host key'));
    expect((await approveHost(machine.deps, added, digestHost(added))).status).toBe('approved');
    expect(machine.marked).toEqual([[added.id, expect.any(Array)]]);
  });
});
