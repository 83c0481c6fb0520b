import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { mongo } from 'mongoose';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runCli } from '../cli/run-cli.js';
import { until } from '../harness/wait.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from './site.js';

/** What docs/upgrades.md promises of two versions on one database. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let site: Site, one: Machine, two: Machine;
beforeEach(async () => {
  site = await openSite({ hosts: ['one', 'two'], plugin: { rescan: false } });
  [one, two] = site.machines as [Machine, Machine];
});
afterEach(() => site.close());

const collection = (name: string): mongo.Collection<{ _id: string }> =>
  site.database.connection.collection<{ _id: string }>(`syncmedia_${name}`);

async function save(machine: Machine, name: string): Promise<void> {
  await machine.write(`${dir}/${name}`, name);
  await machine.app.Photo.create({ title: name, file: `${dir}/${name}` });
}
const arrives = (machine: Machine, name: string): Promise<unknown> =>
  until(async () => (await machine.read(`${dir}/${name}`)) === name, {
    timeout: 30_000,
    what: `${name} on ${machine.name}`,
  });

test('fields of a newer version stay in every row and in host.json, and no row is set aside for them', async () => {
  await save(one, 'delivered.jpg');
  await arrives(two, 'delivered.jpg');
  await two.ssh.stop();
  await save(one, 'waiting.jpg');
  await until(async () => (await collection('ledger').countDocuments()) === 2);
  const future = { by: 'a newer version', list: [1, 2] };
  const names = ['hosts', 'syncdirs', 'ledger', 'meta', 'runs'];
  for (const name of names) await collection(name).updateMany({}, { $set: { future } });
  const stateFile = join(one.ssh.stateDir, 'host.json');
  const readState = async (): Promise<object> =>
    JSON.parse(await readFile(stateFile, 'utf8')) as object;
  await writeFile(stateFile, JSON.stringify({ ...(await readState()), future }));

  // Each row is written to: by a delivery, an init, an edit, a changed rule, and a new process.
  await one.app.close();
  one.app = await one.startApp({ plugin: { exclude: '*.partial' } });
  await two.ssh.start();
  await arrives(two, 'waiting.jpg');
  await one.app.sync.hosts.init({ hostname: 'uno' });
  await one.app.sync.hosts.edit('two', { status: 'paused' });
  await one.app.sync.hosts.edit('two', { status: 'approved' });
  await save(two, 'new.jpg');
  await arrives(one, 'new.jpg');
  await untilNothingPending(site);

  const rules = (): Promise<unknown> => collection('syncdirs').findOne({ exclude: '*.partial' });
  await until(rules, { what: 'the changed rule' });
  for (const name of names) {
    const rows = await collection(name)
      .find({ path: { $exists: false } })
      .toArray();
    const without = rows.filter((row) => !('future' in row));
    // The one file that was saved since.
    expect([name, without.map(({ _id }) => _id)]).toEqual([
      name,
      name === 'ledger' ? [`${dir}/new.jpg`] : [],
    ]);
  }
  expect(await readState()).toMatchObject({ hostname: 'uno', future });
  expect(await collection('unreadable').countDocuments()).toBe(0);
});

test('in a database that is too new a running process goes on, none starts, and saves are sent once a version that knows it starts', async () => {
  const setFormat = (format: number): Promise<unknown> =>
    collection('meta').updateOne({ _id: 'syncmedia' }, { $set: { format } });
  await setFormat(2);
  await save(one, 'goes-on.jpg');
  await arrives(two, 'goes-on.jpg');
  await two.app.close();
  two.app = await two.startApp({ start: false });
  await expect(two.app.sync.start()).rejects.toMatchObject({ code: 'FORMAT_TOO_NEW' });
  await save(two, 'captured.jpg');
  await until(async () => (await collection('captures').countDocuments()) > 0);
  const env = { ...two.environment, SYNCMEDIA_MONGODB_URI: site.database.uri };
  for (const command of ['status', 'push', 'init', 'doctor']) {
    const { code, stdout, stderr } = await runCli([command], { env });
    expect([command, code]).toEqual([command, expect.any(Number)]);
    expect(code, command).not.toBe(0);
    expect(`${stdout}${stderr}`, command).toContain('format 2');
  }
  await save(one, 'still-goes-on.jpg');
  await arrives(two, 'still-goes-on.jpg');
  expect(await one.read(`${dir}/captured.jpg`)).toBeUndefined();

  // In the place of the newer version.
  await two.app.close();
  await setFormat(1);
  two.app = await two.startApp();
  await arrives(one, 'captured.jpg');
});
