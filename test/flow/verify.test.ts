import { rename, rm, stat } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeTombstoneEntry } from '../../src/decisions/entries.js';
import type { Entry } from '../../src/model/entry.js';
import type { Path } from '../../src/model/path.js';
import type { Run } from '../../src/model/run.js';
import { runCli } from '../cli/run-cli.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

// Each test carries out several runs on several hosts.
vi.setConfig({ testTimeout: 60_000 });

let site: Site,
  one: Machine,
  two: Machine,
  three: Machine,
  ids: { one: string; two: string; three: string };
beforeAll(async () => {
  site = await openSite({ plugin: { rescan: false } });
  [one, two, three] = threeOf(site);
  const [a, b, c] = await Promise.all(
    ['one', 'two', 'three'].map(async (name) => (await one.app.sync.hosts.show(name)).id),
  );
  ids = { one: a ?? '', two: b ?? '', three: c ?? '' };
}, 60_000);
afterAll(() => site.close());
afterEach(async () => {
  for (const machine of [one, two, three]) {
    await rm(machine.path(`${dir}/.syncmedia/conflicts`), { recursive: true, force: true });
    for (const path of Object.keys(await machine.tree())) await rm(machine.path(path));
  }
  await one.app.connection.collection('syncmedia_ledger').deleteMany({});
});

async function verify(
  machine: Machine,
  request: Parameters<Machine['app']['sync']['verify']>[0] = {},
): Promise<Run> {
  const { sync } = machine.app;
  return sync.runs.follow((await sync.verify(request)).id);
}
/** Three hosts that hold these files; their dates are long ago, and whole seconds. */
async function holdEverywhere(...names: string[]): Promise<void> {
  for (const name of names) await one.write(`${dir}/${name}`, `good ${name}`, 1_000_000);
  await one.app.sync.runs.follow((await one.app.sync.push()).id);
  await untilNothingPending(site);
}
/** Other bytes with the same size and date: what a failing disk makes of a file. */
async function rot(machine: Machine, name: string): Promise<void> {
  await machine.write(`${dir}/${name}`, `rott ${name}`, 1_000_000);
  // A failing disk leaves the change time alone, which no program can set back: the host knows the
  // stamp of this file as that of the version.
  const { ino, ctimeNs } = await stat(machine.path(`${dir}/${name}`), { bigint: true });
  const stamp = `stamps.${ids[machine.name as 'one' | 'two' | 'three']}`;
  await one.app.connection
    .collection<{ _id: string }>('syncmedia_ledger')
    .updateOne(
      { _id: `${dir}/${name}`, [stamp]: { $exists: true } },
      { $set: { [stamp]: `${String(ino)} ${String(ctimeNs)}` } },
    );
}
const contents = (name: string): Promise<(string | undefined)[]> =>
  Promise.all([one, two, three].map((machine) => machine.read(`${dir}/${name}`)));
const nothing = { missing: 0, extra: 0, different: 0, repaired: 0 };

describe('verify', () => {
  test('reports missing, extra and different files of each host, even flipped bits with the same size and date, and changes nothing', async () => {
    await holdEverywhere('rotten.jpg', 'missing.jpg', 'fine.jpg');
    await rot(two, 'rotten.jpg');
    await rm(two.path(`${dir}/missing.jpg`));
    await two.write(`${dir}/extra.jpg`, 'extra');
    const before = await two.tree();
    const run = await verify(one);
    expect(run).toMatchObject({
      kind: 'verify',
      state: 'done',
      failures: [],
      files: 3,
      filesFound: 3,
    });
    expect(run.findings).toEqual([
      { ...nothing, host: ids.one, same: 3 },
      { ...nothing, host: ids.three },
      { ...nothing, host: ids.two, missing: 1, extra: 1, different: 1 },
    ]);
    expect(run.pathFindings).toHaveLength(3);
    expect(run.pathFindings).toEqual(
      expect.arrayContaining([
        { host: ids.two, path: `${dir}/rotten.jpg`, finding: 'different' },
        { host: ids.two, path: `${dir}/missing.jpg`, finding: 'missing' },
        { host: ids.two, path: `${dir}/extra.jpg`, finding: 'extra' },
      ]),
    );
    expect(await two.tree()).toEqual(before);
    expect(
      one.app.log.some((line) =>
        line.startsWith('warning: verify: host two: 1 missing, 1 different; 0 repaired'),
      ),
    ).toBe(true);
  });

  test('of one host concerns that one, and names the host with the wrong bytes', async () => {
    await holdEverywhere('a.jpg');
    await rot(one, 'a.jpg');
    expect((await verify(one, { hosts: ['two'] })).findings).toEqual([
      { ...nothing, host: ids.two },
    ]);
    expect((await verify(one, { hosts: ['one'] })).findings).toEqual([
      { ...nothing, host: ids.one, different: 1 },
    ]);
  });
});

test('the command line prints every fault with its host, and exits with 3 until it is repaired', async () => {
  await holdEverywhere('a.jpg');
  await rot(two, 'a.jpg');
  const env = { ...one.environment, SYNCMEDIA_MONGODB_URI: site.database.uri };
  const found = await runCli(['verify', '--host', 'two'], { env });
  expect(found.code).toBe(3);
  expect(found.stdout).toMatch(
    /HOST +SAME +MISSING +EXTRA +DIFFERENT +REPAIRED\ntwo +– +0 +0 +1 +0\n/,
  );
  expect(found.stdout).toMatch(/two +different +uploads\/photos\/a\.jpg/);
  expect((await runCli(['verify', '--host', 'two', '--repair'], { env })).code).toBe(0);
});

describe('verify with repair', () => {
  test('sends missing and rotten files, and keeps the rotten bytes among the conflicts', async () => {
    await holdEverywhere('rotten.jpg', 'missing.jpg', 'fine.jpg');
    await rot(two, 'rotten.jpg');
    await rm(three.path(`${dir}/missing.jpg`));
    const run = await verify(one, { repair: true });
    expect(run).toMatchObject({ state: 'done', failures: [] });
    expect(run.findings).toEqual(
      expect.arrayContaining([
        { ...nothing, host: ids.two, different: 1, repaired: 1 },
        { ...nothing, host: ids.three, missing: 1, repaired: 1 },
      ]),
    );
    expect(await contents('rotten.jpg')).toEqual(Array(3).fill('good rotten.jpg'));
    expect(await contents('missing.jpg')).toEqual(Array(3).fill('good missing.jpg'));
    expect(await two.listArea('conflicts')).toEqual(['rotten.jpg']);
    expect((await verify(one)).findings).toEqual(
      expect.arrayContaining([{ ...nothing, host: ids.two }]),
    );
  });

  test('fetches a file that is rotten here from the one host whose bytes match the ledger, and sends it on to the other rotten one', async () => {
    await holdEverywhere('a.jpg');
    await rot(one, 'a.jpg');
    await rot(two, 'a.jpg');
    expect(await verify(one, { repair: true })).toMatchObject({ state: 'done', failures: [] });
    expect(await contents('a.jpg')).toEqual(Array(3).fill('good a.jpg'));
    expect(await one.listArea('conflicts')).toEqual(['a.jpg']);
  });

  test('without good bytes on any host it says so and leaves everything as it is', async () => {
    await holdEverywhere('a.jpg');
    for (const machine of [one, two, three]) await rot(machine, 'a.jpg');
    const run = await verify(one, { repair: true });
    expect(run).toMatchObject({
      state: 'failed',
      failures: [{ host: ids.one, failure: { code: 'NO_GOOD_COPY' } }],
    });
    expect(await contents('a.jpg')).toEqual(Array(3).fill('rott a.jpg'));
  });

  test('leaves a new version of another host to that host', async () => {
    await holdEverywhere('a.jpg');
    await two.write(`${dir}/a.jpg`, 'newer and longer', 2_000_000);
    const run = await verify(one, { repair: true });
    expect(run.findings).toEqual(
      expect.arrayContaining([{ ...nothing, host: ids.two, different: 1 }]),
    );
    expect(await two.read(`${dir}/a.jpg`)).toBe('newer and longer');
  });

  test('leaves a file of a save that is not processed yet to the outbox, here and elsewhere', async () => {
    await holdEverywhere('a.jpg');
    const captures = two.app.connection.collection<{
      _id: string;
      host: string;
      dueAt: Date;
      touched: string[];
      unreferenced: string[];
      rescan: [];
    }>('syncmedia_captures');
    await captures.insertOne({
      _id: 'waiting',
      host: ids.two,
      dueAt: new Date(Date.now() + 60_000),
      touched: [`${dir}/a.jpg`],
      unreferenced: [],
      rescan: [],
    });
    await two.write(`${dir}/a.jpg`, 'edit a.jpg', 1_000_000);
    expect((await verify(one, { repair: true })).findings).toEqual(
      expect.arrayContaining([{ ...nothing, host: ids.two, different: 1 }]),
    );
    await verify(two, { repair: true });
    expect(await two.read(`${dir}/a.jpg`)).toBe('edit a.jpg');
    await captures.updateOne({ _id: 'waiting' }, { $set: { dueAt: new Date(0) } });
    await until(
      async () => (await contents('a.jpg')).every((content) => content === 'edit a.jpg'),
      { timeout: 30_000, what: 'the edit on every host' },
    );
  });

  test('brings back nothing that a tombstone removed, nor do push and pull', async () => {
    await holdEverywhere('gone.jpg', 'stays.jpg');
    for (const machine of [one, three]) await rm(machine.path(`${dir}/gone.jpg`));
    const ledger = one.app.connection.collection<Omit<Entry, 'path'> & { _id: string }>(
      'syncmedia_ledger',
    );
    const row = await ledger.findOne({ _id: `${dir}/gone.jpg` });
    if (!row) throw new Error('no entry');
    const { _id, ...rest } = row;
    const { path: _, ...tombstone } = makeTombstoneEntry(
      { ...rest, path: _id as Path },
      { path: _id as Path, version: 'gone', me: ids.one, wantedBy: [], now: new Date() },
    );
    await ledger.replaceOne({ _id }, tombstone);
    expect((await verify(one, { repair: true })).findings).toEqual(
      expect.arrayContaining([{ ...nothing, host: ids.two, extra: 1 }]),
    );
    for (const kind of ['pull', 'push'] as const)
      await one.app.sync.runs.follow((await one.app.sync[kind]()).id);
    expect(await contents('gone.jpg')).toEqual([undefined, 'good gone.jpg', undefined]);
  });
});

test('a sync dir that is not mounted on another host is said to be, and nothing is repaired there', async () => {
  await holdEverywhere('a.jpg', 'b.jpg');
  const whole = await one.tree();
  await rename(two.path(`${dir}/.syncmedia`), two.path('unmounted'));
  const run = await verify(one, { repair: true });
  await rename(two.path('unmounted'), two.path(`${dir}/.syncmedia`));
  expect(run.failures.map(({ host, failure }) => [host, failure.code])).toEqual([
    [ids.two, 'NO_MARKER'],
  ]);
  expect([await one.tree(), await three.tree()]).toEqual([whole, whole]);
});

test('the environment schedules verifications', async () => {
  await two.app.close();
  Object.assign(two.environment, { SYNCMEDIA_VERIFY_CRON: '* * * * * *' });
  two.app = await two.startApp();
  await until(
    async () =>
      (await one.app.sync.runs.list()).some(
        ({ at, kind, requestedBy: askedBy }) =>
          at === ids.two && kind === 'verify' && askedBy === 'SYNCMEDIA_VERIFY_CRON',
      ),
    { timeout: 15_000 },
  );
  expect(two.app.log.join('\n')).not.toContain('does nothing with it');
});
