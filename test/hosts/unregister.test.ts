import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { getHostCollection } from '../../src/hosts/host-model.js';
import { listHosts } from '../../src/hosts/host-rows.js';
import { initHost } from '../../src/hosts/init.js';
import { installKeys } from '../../src/access/install-keys.js';
import { readState } from '../../src/state-dir/state.js';
import { readBeforeLeaving, whileLeaving } from '../../src/hosts/leaving.js';
import { unregisterHost } from '../../src/hosts/unregister.js';
import type { Host } from '../../src/model/host.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { logIn, makeMachine, type Machine } from './site.js';

let database: TestDatabase;
let sshds: [TestHost, TestHost];
let machines: [Machine, Machine];
let hosts: [Host, Host];
beforeAll(async () => {
  database = await testDatabase();
  sshds = await Promise.all([startHost({ name: 'one' }), startHost({ name: 'two' })]);
});
afterAll(async () => {
  await Promise.all(sshds.map((host) => host.close()));
  await database.close();
});
beforeEach(async () => {
  for (const host of sshds) await writeFile(host.authorizedKeysFile, '# mine\n');
  machines = await Promise.all([makeMachine(database, sshds[0]), makeMachine(database, sshds[1])]);
  const first = await initHost(machines[0].deps, { syncDirs: ['uploads'] });
  const second = await initHost(machines[1].deps, { syncDirs: ['uploads'] });
  hosts = [first.host, second.host];
  await notice(0);
});
afterEach(async () => {
  for (const name of ['p_hosts', 'p_meta'])
    await database.connection.collection(name).deleteMany({});
  for (const host of sshds) await rm(join(host.stateDir, 'host.json'), { force: true });
});

const rows = () => getHostCollection(database.connection, 'p_');
/** What a running host does when it notices a change of the registry. */
async function notice(index: 0 | 1): Promise<void> {
  const state = readState(sshds[index].stateDir);
  if (state)
    await installKeys(
      { stateDir: sshds[index].stateDir, state, log: machines[index].deps.config.log },
      await listHosts(machines[index].deps),
    );
}
const mayLogIn = async (from: 0 | 1, to: 0 | 1): Promise<boolean> =>
  (await logIn(hosts[to], { identityFile: sshds[from].privateKeyFile, id: hosts[from].id })).ok;

describe('unregisterHost', () => {
  test('takes another host out: it may not log in here any more', async () => {
    expect(await mayLogIn(1, 0)).toBe(true);
    const retired = await unregisterHost(machines[0].deps, hosts[1]);
    expect(retired).toMatchObject({ id: hosts[1].id, status: 'retired' });
    expect(machines[0].forgotten).toEqual([hosts[1].id]);
    expect(await mayLogIn(1, 0)).toBe(false);
    expect(await mayLogIn(0, 0)).toBe(true);
    expect(readState(sshds[0].stateDir)?.id).toBe(hosts[0].id);
  });

  test('the host itself, once it notices, admits no host', async () => {
    await unregisterHost(machines[0].deps, hosts[1]);
    expect(await mayLogIn(0, 1)).toBe(true);
    await notice(1);
    expect(await mayLogIn(0, 1)).toBe(false);
    expect(await readFile(sshds[1].authorizedKeysFile, 'utf8')).toBe('# mine\n');
  });

  test('of this host leaves this machine as if it was never initialised', async () => {
    await unregisterHost(machines[0].deps, hosts[0]);
    expect(readState(sshds[0].stateDir)).toBeUndefined();
    expect(await readFile(sshds[0].authorizedKeysFile, 'utf8')).toBe('# mine\n');
    await notice(1);
    expect(await readFile(sshds[1].authorizedKeysFile, 'utf8')).not.toContain(hosts[0].publicKey);
  });

  test('and a new init: a process that still runs for the retired host shuts nobody out of the new one', async () => {
    const started = readState(sshds[1].stateDir) ?? expect.fail('no state');
    await unregisterHost(machines[1].deps, hosts[1]);
    const { host } = await initHost(machines[1].deps, { syncDirs: ['uploads'] });
    await installKeys(
      { stateDir: sshds[1].stateDir, state: started, log: machines[1].deps.config.log },
      await listHosts(machines[1].deps),
    );
    expect(
      await logIn(host, { identityFile: sshds[0].privateKeyFile, id: hosts[0].id }),
    ).toMatchObject({ ok: true });
  });

  test('frees its name and address, keeps its row, and may be done again', async () => {
    await rows().updateOne({ _id: hosts[1].id }, { $set: { lease: { leader: 'x', beat: 1 } } });
    const retired = await unregisterHost(machines[0].deps, hosts[1]);
    expect(retired.lease).toBeUndefined();
    expect({ ...(await unregisterHost(machines[0].deps, retired)) }).toEqual(retired);
    expect(machines[0].forgotten).toEqual([hosts[1].id, hosts[1].id]);
    const anew = await initHost(machines[1].deps, {});
    expect(anew.host).toMatchObject({
      hostname: 'two',
      url: hosts[1].url,
      sshPort: hosts[1].sshPort,
    });
    expect(anew.host.id).not.toBe(hosts[1].id);
    expect((await rows().find().toArray()).length).toBe(3);
  });

  test('with nothing to lose keeps saves that came meanwhile, and says what to do', async () => {
    const dropped: string[] = [];
    const deps = {
      ...machines[0].deps,
      countCaptures: () => Promise.resolve(2),
      dropCaptures: (id: string) => {
        dropped.push(id);
        return Promise.resolve({ count: 2, paths: [] });
      },
    };
    await expect(unregisterHost(deps, hosts[1], { scanned: {} })).rejects.toMatchObject({
      code: 'HOST_RETIRED',
      message: expect.stringMatching(/2 saves.*syncmedia init/) as unknown,
    });
    expect(dropped).toEqual([]);
    await unregisterHost(deps, hosts[0]);
    expect(dropped).toEqual([hosts[0].id]);
  });

  test('with nothing to lose refuses while a rescan is due that no scan made up for', async () => {
    const due = { uploads: new Date('2026-11-28T12:00:00Z') };
    await rows().updateOne({ _id: hosts[1].id }, { $set: { rescans: due } });
    for (const scanned of [{}, { uploads: new Date('2026-11-28T11:00:00Z') }])
      await expect(unregisterHost(machines[0].deps, hosts[1], { scanned })).rejects.toMatchObject({
        code: 'HOST_CHANGED',
      });
    expect((await rows().findOne({ _id: hosts[1].id }))?.rescans).toEqual(due);
    const retired = await unregisterHost(machines[0].deps, hosts[1], { scanned: due });
    expect(retired.status).toBe('retired');
  });
});

describe('a host that leaves', () => {
  const mark = (id: string) => rows().findOne({ _id: id }, { projection: { leaving: 1 } });

  test('is marked meanwhile, for the other that leaves too, and not longer', async () => {
    const { deps } = machines[0];
    await whileLeaving(deps, hosts[0].id, async () => {
      await whileLeaving(deps, hosts[1].id, async () => {
        const { hosts: read } = await readBeforeLeaving(deps, hosts[1].id);
        expect(read.map(({ leaving }) => leaving !== undefined)).toEqual([true, true]);
      });
      expect(await mark(hosts[1].id)).not.toHaveProperty('leaving');
    });
    await expect(
      whileLeaving(deps, hosts[0].id, () => Promise.reject(new Error('refused'))),
    ).rejects.toThrow('refused');
    expect(await mark(hosts[0].id)).not.toHaveProperty('leaving');
  });

  test('is not retired any more once another removed its old mark', async () => {
    const { deps } = machines[0];
    await whileLeaving(deps, hosts[1].id, async (token) => {
      await rows().updateOne(
        { _id: hosts[1].id },
        { $set: { 'leaving.since': new Date(Date.now() - 10 * 60_000) } },
      );
      const { hosts: read } = await readBeforeLeaving(deps, hosts[0].id);
      expect(read.filter(({ leaving }) => leaving)).toEqual([]);
      await expect(unregisterHost(deps, hosts[1], { mark: token })).rejects.toMatchObject({
        code: 'HOST_CHANGED',
      });
    });
    expect((await rows().findOne({ _id: hosts[1].id }))?.status).toBe('approved');
  });
});
