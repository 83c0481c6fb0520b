import { afterEach, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { dir, openSite, type Machine, type Site } from './site.js';

let site: Site | undefined;
afterEach(() => site?.close());

test('a new host that the others cannot let in at first is filled once they do', async () => {
  site = await openSite({ hosts: ['one', 'two'], plugin: { sweep: false } });
  const [one] = site.machines as [Machine, Machine];
  await one.write(`${dir}/a.jpg`, 'a');
  await one.app.Photo.create({ title: 'a', file: `${dir}/a.jpg` });
  await one.ssh.stop({ hard: true });
  const three = await site.addMachine('three');
  await until(async () => (await three.app.sync.runs.list()).some(({ kind, state }) => kind === 'bootstrap' && state === 'failed'), { timeout: 20_000 });
  expect((await three.app.sync.hosts.show('three')).readyAt).toBeUndefined();
  await one.ssh.start();
  await until(async () => (await three.app.sync.hosts.show('three')).readyAt !== undefined, { timeout: 20_000 });
  await until(async () => await three.read(`${dir}/a.jpg`) === 'a', { timeout: 20_000 });
});
