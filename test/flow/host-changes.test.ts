import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { HostRow } from '../../src/hosts/host-model.js';
import { runCli } from '../cli/run-cli.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

let site: Site, one: Machine, two: Machine, three: Machine;
beforeAll(async () => {
  site = await openSite({
    environment: { SYNCMEDIA_SECRET: 'the secret of this site, of more than 32 bytes' },
  });
  [one, two, three] = threeOf(site);
  await one.write(`${dir}/a.jpg`, 'a');
  await one.app.Photo.create({ title: 'a', file: `${dir}/a.jpg` });
  await untilNothingPending(site);
});
afterAll(() => site.close());

const rows = () => site.database.connection.collection<HostRow>('syncmedia_hosts');

test('a pause has a reason, an author and a beginning, which end with it; the seal stays valid', async () => {
  const { hosts } = one.app.sync;
  const paused = await hosts.edit('two', { status: 'paused', reason: 'new disk' }, { by: 'ops' });
  expect(paused).toMatchObject({
    status: 'paused',
    paused: { by: 'ops', reason: 'new disk', since: expect.any(Date) as unknown },
  });
  const again = await three.app.sync.hosts.edit('two', { status: 'paused', reason: 'RAM too' });
  expect(again.paused).toEqual({ since: paused.paused?.since, reason: 'RAM too' });
  expect(again.unsealed).toBeUndefined();
  expect((await hosts.show('two')).unsealed).toBeUndefined();
  const resumed = await hosts.edit('two', { status: 'approved' });
  expect(resumed.paused).toBeUndefined();
  expect(await rows().findOne({ hostname: 'two' })).not.toHaveProperty('paused');
  for (const edit of [
    { reason: 'none' },
    { status: 'approved' as const, reason: 'none' },
    { status: 'paused' as const, reason: 'x'.repeat(501) },
  ])
    await expect(hosts.edit('two', edit)).rejects.toMatchObject({ code: 'BAD_OPTION' });
});

test('a row of an older version, and one with a malformed pause, count as before', async () => {
  await rows().updateOne({ hostname: 'two' }, { $set: { paused: 'yes' as never } });
  expect(await one.app.sync.hosts.show('two')).toMatchObject({
    status: 'approved',
    unreadable: ['paused'],
  });
  await rows().updateOne({ hostname: 'two' }, { $unset: { paused: '' } });
});

test('a host is tested from another one, and from itself', async () => {
  const { hosts } = one.app.sync;
  for (const name of ['two', 'one']) {
    const checks = await hosts.test(name);
    expect(checks.length).toBeGreaterThan(2);
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  }
  await two.ssh.stop({ hard: true });
  const check = (await hosts.test('two')).find(({ name }) => name === 'host two');
  expect(check).toMatchObject({
    ok: false,
    remedy: expect.stringContaining('sshd') as unknown,
  });
  const doctor = await one.app.sync.doctor({ host: 'two' });
  expect(doctor.filter(({ state }) => state === 'failed').map(({ name }) => name)).toContain(
    'host two',
  );
  await two.ssh.start();
  await until(async () => (await hosts.test('two')).every(({ ok }) => ok));
  const cli = await runCli(['hosts', 'test', 'two'], {
    env: { ...one.environment, SYNCMEDIA_MONGODB_URI: site.database.uri },
  });
  expect([cli.code, cli.stderr]).toEqual([0, '']);
  expect(cli.stdout).toContain('host two');
});

test('doctor examines another host from here', async () => {
  const checks = await one.app.sync.doctor({ host: 'two' });
  expect(checks.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['two', 'application', 'lease', 'halted', 'row', 'host two']),
  );
  expect(checks.filter(({ state }) => state === 'failed')).toEqual([]);
  await expect(one.app.sync.doctor({ host: 'nobody' })).rejects.toMatchObject({
    code: 'UNKNOWN_HOST',
  });
});

test('unregister --drain lets a host send first what only it has, and else does nothing', async () => {
  const { hosts } = one.app.sync;
  const cli = (machine: Machine, ...args: string[]): ReturnType<typeof runCli> =>
    runCli(['unregister', ...args], {
      env: { ...machine.environment, SYNCMEDIA_MONGODB_URI: site.database.uri },
    });
  const four = await site.addMachine('four');
  await until(async () => (await hosts.show('four')).readyAt !== undefined, { timeout: 40_000 });
  // Nobody takes what is saved on it: the others are paused.
  for (const name of ['one', 'two', 'three']) await hosts.edit(name, { status: 'paused' });
  await four.write(`${dir}/saved.jpg`, 'saved');
  await four.app.Photo.create({ title: 'saved', file: `${dir}/saved.jpg` });
  await four.app.close();
  await four.write(`${dir}/unnamed.jpg`, 'unnamed');
  for (const [option, message] of [
    ['--safe', /was not unregistered: .*(?:on no other host|not recorded yet|beside a save)/],
    [
      '--drain=1',
      /was not unregistered: .*(?:on no other host|not recorded yet|beside a save|not scanned)/,
    ],
  ] as const) {
    const refused = await cli(four, option);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(message)]);
  }
  expect((await hosts.show('four')).status).toBe('approved');
  await hosts.edit('three', { status: 'approved' });
  const drained = await cli(four, '--drain=40');
  expect([drained.code, drained.stdout]).toEqual([0, expect.stringContaining('host four')]);
  expect([await three.read(`${dir}/saved.jpg`), await three.read(`${dir}/unnamed.jpg`)]).toEqual([
    'saved',
    'unnamed',
  ]);
  for (const name of ['one', 'two']) await hosts.edit(name, { status: 'approved' });
  await untilNothingPending(site);
  expect(await two.read(`${dir}/unnamed.jpg`)).toBe('unnamed');
}, 120_000);

test('a host is retired only as it was shown: with the files that no other host has', async () => {
  const { sync } = one.app;
  expect((await sync.hosts.previewChange('two', 'paused')).onlyHere).toEqual({
    count: 0,
    capped: false,
    paths: [],
  });
  // Nobody gets what is saved on it. A pause is noticed later than a save.
  for (const machine of [one, three]) await machine.ssh.stop({ hard: true });
  const shown = await sync.hosts.previewChange('two', 'retired');
  await two.write(`${dir}/only.jpg`, 'only');
  await two.app.Photo.create({ title: 'only', file: `${dir}/only.jpg` });
  const now = await until(async () => {
    const preview = await sync.hosts.previewChange('two', 'retired');
    return preview.onlyHere.count === 1 && preview.captures.count === 0 ? preview : undefined;
  });
  expect(now).toMatchObject({ onlyHere: { count: 1, capped: false, paths: [`${dir}/only.jpg`] } });
  await expect(
    sync.hosts.unregister('two', { digest: shown.digest, onlyHere: shown.onlyHere.count }),
  ).rejects.toMatchObject({ code: 'CHANGED' });
  await expect(
    sync.hosts.unregister('two', { digest: 'f'.repeat(64), onlyHere: 1 }),
  ).rejects.toMatchObject({ code: 'HOST_CHANGED' });
  expect((await sync.hosts.show('two')).status).toBe('approved');
  const waiting = await sync.hosts.previewChange('one', 'paused');
  expect(waiting.pending).toMatchObject({ count: 1, capped: false, bytes: 4 });
  const { id } = await sync.hosts.unregister('two', { digest: now.digest, onlyHere: 1 });
  await expect(sync.hosts.previewChange(id, 'retired')).rejects.toMatchObject({
    code: 'HOST_RETIRED',
  });
});
