import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import express from 'express';
import request from 'supertest';
import { afterEach, expect, test, vi } from 'vitest';
import { digestHost } from '../../src/api/describe-host.js';
import type { HostRow } from '../../src/hosts/host-model.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let site: Site;
const open = async (environment: Record<string, string>): Promise<[Machine, Machine, Machine]> => {
  site = await openSite({ environment });
  return threeOf(site);
};
afterEach(() => site.close());

const secret = { SYNCMEDIA_SECRET: 'the secret of this site, of more than 32 bytes' };
const rows = () => site.database.connection.collection<HostRow>('syncmedia_hosts');
const statusOf = async (machine: Machine, name: string) =>
  (await machine.app.sync.hosts.list()).find(({ hostname }) => hostname === name);
const keysOf = (machine: Machine): Promise<string> =>
  readFile(machine.ssh.authorizedKeysFile, 'utf8');
async function save(machine: Machine, name: string): Promise<void> {
  await machine.write(`${dir}/${name}`, name);
  await machine.app.Photo.create({ title: 'a photo', file: `${dir}/${name}` });
}
const arrives = (machine: Machine, name: string): Promise<unknown> =>
  until(async () => (await machine.read(`${dir}/${name}`)) === name, {
    timeout: 20_000,
    what: `${name} arrives on ${machine.name}`,
  });

test('with a secret a host that somebody wrote into the database gets no file and no key in, and the others go on', async () => {
  const [one, two, three] = await open(secret);
  const { lease: _lease, ...like } =
    (await rows().findOne({ hostname: 'three' })) ?? expect.fail('no row');
  await rows().insertOne({
    ...like,
    _id: 'forged',
    hostname: 'forged',
    url: 'localhost',
    backfilled: [],
    readyAt: new Date(),
  });
  await save(one, 'a.jpg');
  for (const machine of [two, three]) await arrives(machine, 'a.jpg');
  await untilNothingPending(site);
  expect(await statusOf(one, 'forged')).toMatchObject({ status: 'pending', unsealed: true });
  expect((await one.app.sync.status()).hosts.find(({ id }) => id === 'forged')).toMatchObject({
    pending: 0,
    failures: [],
  });
  expect(await keysOf(one)).not.toContain(' forged');
  expect(
    [one, two, three]
      .flatMap(({ app }) => app.log)
      .filter((line) => line.includes('SYNCMEDIA_SECRET is not set')),
  ).toEqual([]);
  await until(() =>
    [one, two, three].every(({ app }) =>
      app.log.some((line) => line.includes('"forged" (forged) waits for approval')),
    ),
  );
});

test('a host whose row was changed is left alone until it is approved, and then gets the files it missed', async () => {
  const [one, two, three] = await open(secret);
  const key = two.ssh.publicKey.split(' ')[1] ?? '';
  const before = (await rows().findOne({ hostname: 'two' })) ?? expect.fail('no row');
  await rows().updateOne({ _id: before._id }, { $set: { rootPath: '/tmp' } });
  await until(async () => (await statusOf(one, 'two'))?.status === 'pending');
  await until(
    async () => !(await keysOf(one)).includes(key) && !(await keysOf(three)).includes(key),
    { timeout: 20_000 },
  );
  // Each process has its own look at the registry: not before the delivery queues have noticed.
  await until(() => one.app.log.some((line) => line.includes('"two"')));
  await save(one, 'missed.jpg');
  await arrives(three, 'missed.jpg');
  await untilNothingPending(site);
  expect(await two.read(`${dir}/missed.jpg`)).toBeUndefined();
  await expect(two.app.sync.hosts.edit('two', { status: 'approved' })).rejects.toThrow(
    expect.objectContaining({ code: 'BAD_OPTION' }),
  );
  await two.app.sync.hosts.init();
  expect(await statusOf(one, 'two')).toMatchObject({
    status: 'approved',
    rootPath: two.ssh.root,
  });
  await arrives(two, 'missed.jpg');
  await save(two, 'back.jpg');
  await arrives(one, 'back.jpg');
});

test('without automatic approval a new host has no access and nothing pending, until it is approved by its fingerprints', async () => {
  site = await openSite({ hosts: ['one'], environment: { SYNCMEDIA_AUTO_APPROVE: 'false' } });
  const [one] = site.machines as [Machine];
  const approve = async (name: string) =>
    one.app.sync.hosts.approve(name, digestHost(await one.app.sync.hosts.show(name)));
  await approve('one');
  const two = await site.addMachine('two');
  const key = two.ssh.publicKey.split(' ')[1] ?? '';
  await save(one, 'a.jpg');
  await untilNothingPending(site);
  expect([
    (await statusOf(one, 'two'))?.status,
    (await keysOf(one)).includes(key),
    await two.read(`${dir}/a.jpg`),
  ]).toEqual(['pending', false, undefined]);
  await approve('two');
  await arrives(two, 'a.jpg');
  await until(async () => (await keysOf(one)).includes(key), { timeout: 20_000 });
});

test('a changed host key stops the delivery queue, and status, router and log show both fingerprints; once accepted it goes on', async () => {
  const [one, two] = await open(secret);
  const token = 'a-token-of-these-tests-0123456789abcdef';
  const before = await one.app.sync.hosts.readKeys('two');
  const file = join(two.ssh.dir, 'ssh/host_ed25519');
  await two.ssh.stop();
  for (const name of [file, `${file}.pub`]) await rm(name);
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  await two.ssh.start();
  const after = await one.app.sync.hosts.readKeys('two');
  expect([after.pinned, after.shown.length]).toEqual([before.pinned, 1]);
  await save(one, 'late.jpg');
  const failures = async () =>
    (await one.app.sync.status()).hosts.find(({ hostname }) => hostname === 'two')?.failures ?? [];
  await until(
    async () => (await failures()).some(({ failure }) => failure.code === 'HOST_KEY_MISMATCH'),
    { timeout: 20_000 },
  );
  const said = (await failures()).map(({ failure }) => failure.message).join();
  for (const one of [...before.pinned.slice(0, 1), ...after.shown]) expect(said).toContain(one);
  await until(() =>
    one.app.log.some(
      (line) =>
        line.includes('HOST_KEY_MISMATCH') && after.shown.every((shown) => line.includes(shown)),
    ),
  );
  const answer = await request(express().use(one.app.sync.admin({ token })))
    .get('/status')
    .set('Authorization', `Bearer ${token}`);
  expect(JSON.stringify(answer.body)).toContain('HOST_KEY_MISMATCH');
  expect(await two.read(`${dir}/late.jpg`)).toBeUndefined();
  await expect(one.app.sync.hosts.acceptKeys('two', before.pinned.slice(0, 1))).rejects.toThrow(
    expect.objectContaining({ code: 'HOST_KEY_MISMATCH' }),
  );
  await one.app.sync.hosts.acceptKeys('two', after.shown);
  await arrives(two, 'late.jpg');
});
