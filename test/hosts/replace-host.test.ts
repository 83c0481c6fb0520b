import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { getHostCollection } from '../../src/hosts/host-model.js';
import { initHost } from '../../src/hosts/init.js';
import type { Host } from '../../src/model/host.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { makeMachine, type Machine } from './site.js';

let database: TestDatabase;
let sshd: TestHost;
let machine: Machine;
let before: Host;
const rows = () => getHostCollection(database.connection, 'p_');
const quick = { watchLeaseMs: 300 };

beforeAll(async () => {
  database = await testDatabase();
  sshd = await startHost({ name: 'one' });
});
afterAll(async () => {
  await sshd.close();
  await database.close();
});
beforeEach(async () => {
  machine = await makeMachine(database, sshd);
  before = (await initHost(machine.deps, { syncDirs: ['uploads'] })).host;
  await rm(join(sshd.stateDir, 'host.json'));
});
afterEach(async () => {
  for (const name of ['p_hosts', 'p_meta'])
    await database.connection.collection(name).deleteMany({});
  await rm(join(sshd.stateDir, 'host.json'), { force: true });
});

test('a machine that lost its state folder is refused its old name, and gets it with replace', async () => {
  await expect(initHost(machine.deps, { syncDirs: ['uploads'] })).rejects.toMatchObject({
    message: expect.stringContaining('init --replace') as string,
  });
  const { host, created } = await initHost(
    machine.deps,
    { syncDirs: ['uploads'], replace: true },
    quick,
  );
  expect(created).toBe(true);
  expect(host).toMatchObject({ hostname: 'one', url: before.url, sshPort: before.sshPort });
  expect(host.id).not.toBe(before.id);
  expect(await rows().findOne({ _id: before.id })).toMatchObject({ status: 'retired' });
  expect(machine.forgotten).toEqual([before.id]);
});

test('the new host takes over the captures of the replaced one, also if the first try was interrupted after it was retired', async () => {
  machine.deps.forgetHost = () => Promise.reject(new Error('interrupted'));
  await expect(initHost(machine.deps, { replace: true }, quick)).rejects.toThrow('interrupted');
  machine.deps.forgetHost = () => Promise.resolve();
  const { host } = await initHost(machine.deps, { replace: true }, quick);
  expect(machine.takenOver.at(-1)).toEqual([[before.id], host.id]);
});

test('a host whose leader raises its counter is at work, and is not replaced', async () => {
  await rows().updateOne({ _id: before.id }, { $set: { lease: { leader: 'elsewhere', beat: 1 } } });
  let beat = 1;
  const beating = setInterval(() => {
    void rows().updateOne({ _id: before.id }, { $set: { 'lease.beat': ++beat } });
  }, 20);
  try {
    await expect(
      initHost(machine.deps, { replace: true }, { watchLeaseMs: 20_000 }),
    ).rejects.toMatchObject({ code: 'HOST_EXISTS' });
  } finally {
    clearInterval(beating);
  }
  expect(await rows().findOne({ _id: before.id })).toMatchObject({ status: 'approved' });
});

test('a host whose lease stayed in its row after its process was killed is replaced', async () => {
  await rows().updateOne({ _id: before.id }, { $set: { lease: { leader: 'elsewhere', beat: 1 } } });
  const { host } = await initHost(machine.deps, { replace: true }, quick);
  expect(host.id).not.toBe(before.id);
});

test('a later init without replace completes what was interrupted after the host was registered', async () => {
  machine.deps.takeOverCaptures = () => Promise.reject(new Error('interrupted'));
  await expect(initHost(machine.deps, { replace: true }, quick)).rejects.toThrow('interrupted');
  machine.takenOver.length = 0;
  machine.deps.takeOverCaptures = (from, to) => {
    machine.takenOver.push([from, to]);
    return Promise.resolve();
  };
  const { host } = await initHost(machine.deps, {});
  expect(machine.takenOver).toEqual([[[before.id], host.id]]);
});

test('a passive host with that name is not replaced', async () => {
  await rows().updateOne({ _id: before.id }, { $set: { passive: true } });
  await expect(initHost(machine.deps, { replace: true }, quick)).rejects.toMatchObject({
    code: 'HOST_EXISTS',
  });
  expect(await rows().findOne({ _id: before.id })).toMatchObject({ status: 'approved' });
});

test('a host that restarts while it is to be replaced is at work', async () => {
  let beat = 0;
  const starting = setInterval(() => {
    beat++;
    void rows().updateOne({ _id: before.id }, { $set: { lease: { leader: 'new', beat } } });
  }, 200);
  try {
    await expect(
      initHost(machine.deps, { replace: true }, { watchLeaseMs: 20_000 }),
    ).rejects.toMatchObject({ code: 'HOST_EXISTS' });
  } finally {
    clearInterval(starting);
  }
});

test('replace changes nothing for a machine that has its state folder', async () => {
  const { host } = await initHost(machine.deps, { replace: true }, quick);
  const again = await initHost(machine.deps, { replace: true }, quick);
  expect(again).toMatchObject({ created: false, host: { id: host.id, status: 'approved' } });
});
