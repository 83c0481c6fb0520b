import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { getHostCollection } from '../../src/hosts/host-model.js';
import { addPassiveHost } from '../../src/hosts/passive.js';
import { formatFingerprint } from '../../src/util/public-key.js';
import type { PassiveHostRegistration } from '../../src/api/requests.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { declare, makeMachine, type Machine } from './site.js';

let database: TestDatabase;
let sshd: TestHost;
let machine: Machine;
beforeAll(async () => {
  database = await testDatabase();
  sshd = await startHost({ name: 'passive', rsa: true });
});
afterAll(async () => {
  await sshd.close();
  await database.close();
});
beforeEach(async () => {
  machine = await makeMachine(database, sshd);
});
afterEach(async () => {
  for (const name of ['p_hosts', 'p_syncdirs'])
    await database.connection.collection(name).deleteMany({});
  await rm(join(sshd.stateDir, 'host.json'), { force: true });
});

const rows = () => getHostCollection(database.connection, 'p_');
const refused = (code: string, what: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(what) as string });
const asked = (given: Partial<PassiveHostRegistration> = {}): PassiveHostRegistration => ({
  hostname: 'mirror',
  url: '127.0.0.1',
  sshPort: sshd.port,
  root: '/srv/mirror/',
  fingerprint: formatFingerprint(sshd.hostPublicKeys[0] ?? ''),
  ...given,
});

describe('addPassiveHost', () => {
  test('pins the compared key and no other, and marks the sync dirs that are sent there', async () => {
    await declare(machine, 'uploads');
    const host = await addPassiveHost(machine.deps, asked());
    expect(host).toMatchObject({
      hostname: 'mirror',
      passive: true,
      status: 'approved',
      rootPath: '/srv/mirror',
      publicKey: '',
      readyAt: expect.any(Date) as Date,
      hostKeys: [sshd.hostPublicKeys[0]?.split(' ').slice(0, 2).join(' ')],
    });
    expect(machine.marked).toEqual([[host.id, ['uploads']]]);
    expect(await rows().countDocuments({ _id: host.id })).toBe(1);
  });

  test('may have a key of its own, from a file or literally', async () => {
    const line = sshd.publicKey.split(' ').slice(0, 2).join(' ');
    expect((await addPassiveHost(machine.deps, asked({ key: sshd.publicKeyFile }))).publicKey).toBe(
      line,
    );
    await rows().deleteMany({});
    expect((await addPassiveHost(machine.deps, asked({ key: sshd.publicKey }))).publicKey).toBe(
      line,
    );
  });

  test('shows the fingerprints if none is the given one', async () => {
    const other = formatFingerprint(sshd.publicKey);
    const shown = sshd.hostPublicKeys.map((line) => formatFingerprint(line)).sort();
    const adding = addPassiveHost(machine.deps, asked({ fingerprint: other }));
    await expect(adding).rejects.toThrow(refused('HOST_KEY_MISMATCH', `not ${other}`));
    for (const one of shown) await expect(adding).rejects.toThrow(one);
  });

  test('is not registered where its sync dirs could not be marked', async () => {
    machine.deps.markRemoteDirs = () => Promise.reject(new Error('no login there'));
    await expect(addPassiveHost(machine.deps, asked())).rejects.toThrow('no login there');
    expect(await rows().countDocuments()).toBe(0);
  });

  test('has a name and an address of its own', async () => {
    await addPassiveHost(machine.deps, asked());
    await expect(addPassiveHost(machine.deps, asked({ sshPort: 1 }))).rejects.toThrow(
      refused('HOST_EXISTS', 'mirror'),
    );
    await expect(addPassiveHost(machine.deps, asked({ hostname: 'other' }))).rejects.toThrow(
      refused('HOST_EXISTS', `port ${String(sshd.port)}`),
    );
    expect(machine.marked.length).toBe(1);
  });

  test.each<[string, Partial<PassiveHostRegistration>, string, string]>([
    ['no fingerprint', { fingerprint: 'SHA256:x' }, 'BAD_OPTION', 'ssh-keygen -l'],
    ['a relative root', { root: 'srv' }, 'BAD_OPTION', 'not absolute'],
    ['a hostname with a space', { hostname: 'a b' }, 'BAD_OPTION', 'hostname'],
    ['a user that is an option', { username: '-l' }, 'BAD_OPTION', 'username'],
    ['a sync dir outside', { syncDirs: ['a/../..'] }, 'BAD_SYNC_DIR', '..'],
    ['a key that is none', { key: 'ssh-ed25519 x' }, 'BAD_KEY', 'base64'],
  ])('refuses %s', async (_, given, code, what) => {
    await expect(addPassiveHost(machine.deps, asked(given))).rejects.toThrow(refused(code, what));
    expect(machine.marked).toEqual([]);
  });

  test('reports that no server answers', async () => {
    await sshd.stop();
    try {
      await expect(addPassiveHost(machine.deps, asked())).rejects.toThrow(
        refused('HOST_UNREACHABLE', `port ${String(sshd.port)}`),
      );
    } finally {
      await sshd.start();
    }
  });
});
