import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import express from 'express';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { HostRow } from '../../src/hosts/host-model.js';
import { resolveConfig } from '../../src/config/resolve-config.js';
import { runCli } from '../cli/run-cli.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from '../flow/site.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { until } from '../harness/wait.js';
import { canary, optionValues, rowValues, unsafePaths } from './corpus.js';
import { findCanary } from './find-canary.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const inputs = countHostileInputs();
const token = 'a-token-of-these-tests-0123456789abcdef';
let site: Site;
let one: Machine;
let two: Machine;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'], plugin: { onDelete: 'propagate' } });
  [one, two] = site.machines as [Machine, Machine];
});
afterAll(() => site.close());

/** Each another name, as the index wants it, of this machine. */
const loopback = (index: number): string =>
  [...'localhost']
    .map((letter, at) => ((index >> at) % 2 === 1 ? letter.toUpperCase() : letter))
    .join('');
/** BSON holds UTF-8. */
const asStored = (path: string): string => Buffer.from(path).toString();
const hosts = () => site.database.connection.collection<HostRow>('syncmedia_hosts');
/** Saves a file, which goes to every honest host whatever else there is. */
async function saveAndArrive(name: string): Promise<void> {
  await one.write(`${dir}/${name}`, name);
  await one.app.Photo.create({ title: 'a photo', file: `${dir}/${name}` });
  await until(async () => (await two.read(`${dir}/${name}`)) === name, {
    timeout: 30_000,
    what: `${name} arrives`,
  });
}

describe('options', () => {
  test.each(optionValues)('%s=%j is refused by name', (variable, value) => {
    expect(() => resolveConfig({ environment: { HOME: '/home/app', [variable]: value } })).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^BAD_(ENVIRONMENT|STATE)$/) as string,
        message: expect.stringMatching(/SYNCMEDIA_|state folder/) as string,
      }),
    );
  });
});

describe('rows of hosts', () => {
  test('each forged one fails by itself, or is pending; nothing of it is executed, and the honest hosts go on', async () => {
    const honest = (await hosts().findOne({ hostname: 'two' })) ?? expect.fail('no row');
    const { lease: _lease, ...like } = honest;
    const rows = rowValues.map(([field, value], index) => ({
      ...like,
      _id: `forged${String(index)}`,
      hostname: `forged${String(index)}`,
      url: loopback(index),
      passive: true,
      readyAt: new Date(),
      backfilled: [],
      ...(field === '_id' ? {} : { [field]: value }),
      ...(field === '_id' ? { _id: value } : {}),
    }));
    await hosts().insertMany(rows as HostRow[]);
    await saveAndArrive('among-forged.jpg');
    const forged = async () =>
      (await one.app.sync.status()).hosts.filter(({ hostname }) => hostname.startsWith('forged'));
    const isRefused = ({
      hostname,
      status,
      failures,
      pending,
    }: Awaited<ReturnType<typeof forged>>[number]): boolean => {
      const [field] = rowValues[Number(hostname.slice('forged'.length))] ?? [];
      return status === 'pending' || failures.length > 0 || (field === 'syncDirs' && pending === 0);
    };
    await until(
      async () =>
        (await forged())
          .filter((host) => !isRefused(host))
          .map(({ hostname }) => rowValues[Number(hostname.slice('forged'.length))]).length === 0,
      { timeout: 50_000, what: 'every forged host fails' },
    );
    expect((await forged()).length).toBe(rowValues.length);
    const executed = await findCanary(site.machines);
    inputs.triedAll(rowValues, executed);
    expect(executed).toEqual([]);
    // One line for each key that was let in, and none of another form.
    const lines = (await readFile(one.ssh.authorizedKeysFile, 'utf8'))
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of lines)
      expect(line).toMatch(
        /^restrict(,command="exec [^"]+")? (ssh-ed25519|ssh-rsa|ecdsa-\S+) [A-Za-z0-9+/=]+ [\w.-]+$/,
      );
    await hosts().deleteMany({ passive: true });
    await saveAndArrive('after-forged.jpg');
  });
});

describe('rows of the ledger', () => {
  test('a forged one moves nothing out of a sync dir, writes nothing beside it and removes nothing there', async () => {
    const ids = Object.fromEntries(
      (await one.app.sync.hosts.list()).map(({ hostname, id }) => [hostname, id]),
    );
    for (const machine of [one, two]) await writeFile(machine.path('outside'), machine.name);
    await writeFile(join(one.ssh.dir, 'secret'), 'secret');
    const paths = [
      ...new Set(unsafePaths.map((path) => path.replaceAll('DIR', dir)).map(asStored)),
      `${dir}/../../outside`,
      `${dir}/../../../secret`,
    ];
    const ledger = site.database.connection.collection<{ _id: string; version: string }>(
      'syncmedia_ledger',
    );
    const rows = (kind: 'file' | 'tombstone') =>
      [...new Set(paths)].map((_id) => ({
        _id,
        kind,
        version: `forged-${kind}`,
        superseded: [],
        origin: ids.one,
        capturedBy: ids.one,
        heldBy: [ids.one],
        pending: [ids.two],
        dueAt: new Date(0),
        blocked: [],
        capturedAt: new Date(0),
        ...(kind === 'file' ? { info: { size: 6, mtime: 1, nanos: 0 } } : {}),
      }));
    for (const kind of ['file', 'tombstone'] as const) {
      await ledger.deleteMany({ version: /^forged/ });
      await ledger.insertMany(rows(kind));
      await saveAndArrive(`beside-${kind}.jpg`);
      await one.app.sync.runs.follow((await one.app.sync.push()).id);
    }
    await ledger.deleteMany({ version: /^forged/ });
    for (const machine of [one, two]) expect(await machine.read('outside')).toBe(machine.name);
    expect(Object.keys(await two.tree()).filter((path) => !path.startsWith(`${dir}/`))).toEqual([
      'outside',
    ]);
    expect(await readFile(join(one.ssh.dir, 'secret'), 'utf8')).toBe('secret');
    expect(await findCanary(site.machines)).toEqual([]);
  });

  test('a forged capture neither', async () => {
    const captures = site.database.connection.collection('syncmedia_captures');
    const ids = Object.fromEntries(
      (await one.app.sync.hosts.list()).map(({ hostname, id }) => [hostname, id]),
    );
    const paths = unsafePaths.map((path) => asStored(path.replaceAll('DIR', dir)));
    await captures.insertOne({
      _id: 'forged' as never,
      host: ids.one,
      dueAt: new Date(0),
      touched: paths,
      unreferenced: paths,
      unreferencedSince: new Date(0),
      rescan: [{ dir: '../..', after: 0 }],
      asserted: true,
    });
    await saveAndArrive('beside-capture.jpg');
    expect(Object.keys(await two.tree()).filter((path) => !path.startsWith(`${dir}/`))).toEqual([
      'outside',
    ]);
    expect(await one.read('outside')).toBe('one');
    await captures.deleteMany({ _id: 'forged' as never });
    await untilNothingPending(site);
  });
});

describe('the router', () => {
  const fields = {
    url: 'url',
    sshPort: 'sshPort',
    username: 'username',
    hostKeys: 'hostKey',
    publicKey: 'key',
    rootPath: 'root',
    syncDirs: 'syncDirs',
    _id: 'hostname',
  } as const;

  test('approves no host for any of these values, and executes none', async () => {
    const router = request(
      express().use(
        one.app.sync.admin({
          token,
          log: { info: () => undefined, warn: () => undefined, error: () => undefined },
        }),
      ),
    );
    const send = (method: 'post' | 'patch' | 'delete', path: string, body: object) =>
      router[method](path).set('Authorization', `Bearer ${token}`).send(body);
    const hostKey = two.ssh.hostPublicKeys[0];
    for (const [index, [field, value]] of rowValues.entries()) {
      const name = fields[field as keyof typeof fields];
      const given =
        Array.isArray(value) && name === 'hostKey' ? ((value as unknown[])[0] ?? '') : value;
      const added = await send('post', '/hosts', {
        hostname: `nas${String(index)}`,
        url: `nas${String(index)}.example`,
        root: '/media',
        hostKey,
        [name]: given,
      });
      const said = JSON.stringify([field, value, added.body]);
      if (added.status === 201)
        expect((added.body as { host: { status: string } }).host.status, said).toBe('pending');
      else expect([400, 409], said).toContain(added.status);
      if (name !== 'hostKey' && name !== 'key') {
        const edited = await send('patch', '/hosts/two', {
          [name === 'root' ? 'rootPath' : name]: given,
        });
        if (edited.status !== 200) expect([400, 403, 409], said).toContain(edited.status);
      }
      for (const path of [
        `/hosts/${encodeURIComponent(String(value))}`,
        `/runs/${encodeURIComponent(String(value))}`,
        `/documents/${encodeURIComponent(String(value))}/x`,
      ]) {
        expect([400, 404, 200], path).toContain(
          (await router.get(path).set('Authorization', `Bearer ${token}`)).status,
        );
      }
    }
    for (const path of unsafePaths.map((one) => one.replaceAll('DIR', dir))) {
      for (const [to, body] of [
        ['/trash/restore', { dir, keptAs: path }],
        ['/trash/restore', { dir: path, keptAs: `.syncmedia/trash/x/a` }],
        ['/push', { dirs: [path === dir || path === `${dir}/` ? '..' : path] }],
        ['/removals/approve', { dir: path }],
      ] as const) {
        expect([400, 404], `${to} ${JSON.stringify(body)}`).toContain(
          (await send('post', to, body)).status,
        );
      }
    }
    const executed = await findCanary(site.machines);
    inputs.triedAll([...rowValues, ...unsafePaths], executed);
    expect(executed).toEqual([]);
  });
});

describe('the command line', () => {
  const touch = `touch ${canary}`;
  const commands: (readonly string[])[] = [
    ['hosts', 'edit', 'one', '--url', `-oProxyCommand=${touch}`],
    ['hosts', 'edit', 'one', '--username', `$(${touch})`],
    [
      'hosts',
      'add',
      '--hostname',
      'nas',
      '--root',
      '/media',
      '--url',
      `-oProxyCommand=${touch}`,
      '--fingerprint',
      `SHA256:${'A'.repeat(43)}`,
    ],
    [
      'hosts',
      'add',
      '--hostname',
      `a;${touch}`,
      '--root',
      '/media',
      '--fingerprint',
      `SHA256:${'A'.repeat(43)}`,
    ],
    ['approve', `$(${touch})`, '--yes'],
    ['keys', 'accept', 'one', '--fingerprint', `$(${touch})`],
    ['push', '--dir', '../..'],
    ['trash', 'restore', dir, '../../outside'],
    ['init', '--hostname', `x\n${touch}`],
  ];

  test('refuses such arguments, and executes none', async () => {
    const env = { ...one.environment, SYNCMEDIA_MONGODB_URI: site.database.uri };
    const results = [];
    for (let at = 0; at < commands.length; at += 4)
      results.push(
        ...(await Promise.all(commands.slice(at, at + 4).map((args) => runCli(args, { env })))),
      );
    for (const [index, { code, stderr }] of results.entries()) {
      expect([1, 2], `${JSON.stringify(commands[index])}: ${stderr}`).toContain(code);
      expect(stderr).toMatch(/^syncmedia: [A-Z_]+: /m);
    }
    const executed = await findCanary(site.machines);
    inputs.triedAll(commands, executed);
    expect(executed).toEqual([]);
  });
});
