import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { HostRow } from '../../src/hosts/host-model.js';
import { runCli, type CliResult } from '../cli/run-cli.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 90_000 });

let site: Site, one: Machine, two: Machine, three: Machine, four: Machine;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two', 'three', 'four'], plugin: { rescan: 600 } });
  [one, two, three] = threeOf(site);
  four = site.machines[3] as Machine;
});
afterAll(() => site.close());

const rows = () => site.database.connection.collection<HostRow>('syncmedia_hosts');
const unregister = (machine: Machine, ...args: string[]): Promise<CliResult> =>
  runCli(['unregister', ...args], {
    env: { ...machine.environment, SYNCMEDIA_MONGODB_URI: site.database.uri },
  });
const save = async (machine: Machine, name: string): Promise<void> => {
  await machine.write(`${dir}/${name}`, name);
  await machine.app.Photo.create({ title: name, file: `${dir}/${name}` });
};

test('--safe keeps a host while a rescan is due or a conflict is on its disk alone', async () => {
  await save(four, 'a.jpg');
  await untilNothingPending(site);
  await four.app.close();
  await four.write(`${dir}/a-small.jpg`, 'small');
  const due = await unregister(four, '--safe');
  expect([due.code, due.stderr]).toEqual([1, expect.stringContaining('beside a save')]);
  const conflicts = four.path(`${dir}/.syncmedia/conflicts`);
  await mkdir(join(conflicts, '2026'), { recursive: true });
  await writeFile(join(conflicts, '2026', 'lost.jpg'), 'lost');
  const kept = await unregister(four, '--safe');
  expect([kept.code, kept.stderr]).toEqual([1, expect.stringContaining('1 conflict is not')]);
  await rm(conflicts, { recursive: true });
});

test('--drain keeps a host whose disk was not scanned, and else sends what the scan finds', async () => {
  const marker = four.path(`${dir}/.syncmedia/id`);
  await rename(marker, `${marker}.away`);
  const refused = await unregister(four, '--drain=10');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('was not scanned')]);
  expect((await one.app.sync.hosts.show('four')).status).toBe('approved');
  await rename(`${marker}.away`, marker);
  const drained = await unregister(four, '--drain=60');
  expect([drained.code, drained.stderr]).toEqual([0, expect.any(String)]);
  const holders = await Promise.all(site.machines.map(({ read }) => read(`${dir}/a-small.jpg`)));
  expect(holders.slice(0, 3)).toContain('small');
  await until(async () => (await two.read(`${dir}/a-small.jpg`)) === 'small', { timeout: 20_000 });
});

test('the copy of a host that is not heard of does not let another one leave', async () => {
  const { hosts } = one.app.sync;
  await untilNothingPending(site);
  // Nothing reaches it from now on.
  await one.ssh.stop({ hard: true });
  await save(two, 'b.jpg');
  const countOnly = async (name: string): Promise<number> =>
    (await hosts.previewChange(name, 'retired')).onlyHere.count;
  await until(async () => (await three.read(`${dir}/b.jpg`)) === 'b.jpg');
  await until(async () => (await countOnly('two')) + (await countOnly('three')) === 0);
  await three.app.close();
  await rows().updateOne(
    { hostname: 'three' },
    { $set: { heartbeatAt: new Date(Date.now() - 10 * 60_000) } },
  );
  expect((await hosts.previewChange('two', 'retired')).onlyHere).toEqual({
    count: 1,
    capped: false,
    paths: [`${dir}/b.jpg`],
  });
  await expect(hosts.unregister('two', { onlyHere: 0 })).rejects.toMatchObject({ code: 'CHANGED' });
  three.app = await three.startApp();
  await until(async () => (await countOnly('two')) === 0);
});

test('of two hosts that leave at once with the only copies, one at most does', async () => {
  const { hosts } = one.app.sync;
  const leave = (name: string): Promise<unknown> => hosts.unregister(name, { onlyHere: 0 });
  const both = await Promise.allSettled([leave('two'), leave('three')]);
  expect(both.filter(({ status }) => status === 'fulfilled').length).toBeLessThan(2);
  const listNames = async (): Promise<string[]> =>
    (await hosts.list()).map(({ hostname }) => hostname).filter((name) => name !== 'one');
  if ((await listNames()).length === 2) await leave('two');
  const [last = ''] = await listNames();
  await expect(leave(last)).rejects.toMatchObject({ code: 'CHANGED' });
  expect(await listNames()).toEqual([last]);
  // A person gives it up knowingly.
  await hosts.unregister(last);
  expect(await listNames()).toEqual([]);
});
