import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { dir, openSite, type Machine } from './site.js';
import { compileProgram } from '../harness/compile.js';
import { uriOfDatabase } from '../harness/database.js';
import { until } from '../harness/wait.js';
import { interruptible } from '../hosts/interruption.js';
import { AppProcess } from '../random/app-process.js';

const run = promisify(execFile);

test('a process that may open 64 files delivers everything that it saves', async () => {
  const site = await openSite({ hosts: ['one', 'two'] });
  const [one, two] = site.machines as [Machine, Machine];
  const app = new AppProcess(
    'one',
    compileProgram(new URL('../random/app.ts', import.meta.url)),
    one.environment,
    {
      uri: site.database.uri,
      dir,
      tuning: {},
    },
  );
  try {
    await one.app.close();
    await app.start();
    await run('prlimit', ['--pid', String(app.pid), '--nofile=64:64']);
    const names = Array.from({ length: 100 }, (_, i) => `${dir}/few-${String(i)}.jpg`);
    for (const name of names) await one.write(name, name);
    await Promise.all(
      names.map((name) => app.ask({ do: 'save', id: name, file: name, title: 'few', by: 'save' })),
    );
    for (const name of names)
      await until(async () => (await two.read(name)) === name, { timeout: 60_000, what: name });
  } finally {
    await app.close();
    await site.close();
  }
}, 120_000);

test('a database that answers after a second delays saves and loses none', async (context) => {
  const { uri, server } = inject('database');
  const wire = await interruptible(uriOfDatabase(uri, 'admin'));
  if (!wire)
    return context.skip(
      'the database is given by a URI of several hosts, and only one can be reached through the wire',
    );
  const site = await openSite({
    hosts: ['one', 'two'],
    server: { uri: wire.uri, server },
    tuning: { leaseMs: 10_000, beatMs: 2_000, pollMs: 4_000, fullPollMs: 4_000 },
  });
  const [one, two] = site.machines as [Machine, Machine];
  try {
    wire.slow(1_000);
    const names = Array.from({ length: 20 }, (_, i) => `${dir}/slow-${String(i)}.jpg`);
    for (const name of names) await one.write(name, name);
    await Promise.all(names.map((file) => one.app.Photo.create({ title: 'slow', file })));
    for (const name of names)
      await until(async () => (await two.read(name)) === name, { timeout: 90_000, what: name });
  } finally {
    wire.slow(0);
    await site.close();
    await wire.close();
  }
}, 240_000);

test('the key of a host that was unregistered while a machine was off leaves that machine when it starts', async () => {
  const site = await openSite({ hosts: ['one', 'two', 'three'] });
  const [one, two] = site.machines as [Machine, Machine];
  const keysOfTwo = (): Promise<string> => readFile(two.ssh.authorizedKeysFile, 'utf8');
  try {
    const { id } = await one.app.sync.hosts.show('three');
    await until(async () => (await keysOfTwo()).includes(id), { timeout: 20_000 });
    await two.app.close();
    await one.app.sync.hosts.unregister('three');
    expect(await keysOfTwo()).toContain(id);
    await two.startApp();
    await until(async () => !(await keysOfTwo()).includes(id), { timeout: 30_000 });
  } finally {
    await site.close();
  }
}, 90_000);
