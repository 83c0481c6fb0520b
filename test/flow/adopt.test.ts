import { stat } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Run } from '../../src/model/run.js';
import { runCli } from '../cli/run-cli.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let site: Site, one: Machine, two: Machine, three: Machine;
beforeEach(async () => {
  site = await openSite({ plugin: { rescan: false } });
  [one, two, three] = threeOf(site);
  // A site that was kept in step by other means: most files are everywhere, and no ledger knows
  // any.
  for (const machine of [one, two, three])
    await machine.write(`${dir}/same.jpg`, 'same', 1_000_000);
  await one.write(`${dir}/only-one.jpg`, '1', 1_000_000);
  await two.write(`${dir}/only-two.jpg`, '2', 1_000_000);
  await one.write(`${dir}/contested.jpg`, 'of one', 1_000_000);
  await two.write(`${dir}/contested.jpg`, 'of two, newer', 2_000_000);
  await three.write(`${dir}/contested.jpg`, 'of three, newest', 3_000_000);
});
afterEach(() => site.close());

async function adopt(request?: Parameters<Machine['app']['sync']['adopt']>[0]): Promise<Run> {
  const { sync } = one.app;
  return sync.runs.follow((await sync.adopt(request)).id);
}
const entries = (): Promise<number> => one.app.sync.status().then((status) => status.entries);

test('unless confirmed it lists the files that are only here, only there and different per host, and changes nothing', async () => {
  const trees = await Promise.all([one, two, three].map((machine) => machine.tree()));
  const run = await adopt();
  expect(run).toMatchObject({ kind: 'adopt', dryRun: true, state: 'done' });
  const [idTwo, idThree] = await Promise.all(
    ['two', 'three'].map(async (name) => (await one.app.sync.hosts.show(name)).id),
  );
  expect(run.findings).toEqual(
    expect.arrayContaining([
      { host: idTwo, same: 1, missing: 1, extra: 1, different: 1, repaired: 0 },
      { host: idThree, same: 1, missing: 1, extra: 0, different: 1, repaired: 0 },
    ]),
  );
  expect(await Promise.all([one, two, three].map((machine) => machine.tree()))).toEqual(trees);
  expect(await entries()).toBe(0);
});

test('confirmed, all hosts come to hold the same: the newest wins, the others are recoverable, and equal files are never sent', async () => {
  const sent: string[] = [];
  one.app.sync.on('outcome', ({ outcome }) => {
    sent.push(outcome.change.path);
  });
  expect(await adopt({ dryRun: false })).toMatchObject({ state: 'done', failures: [] });
  const whole = await three.tree();
  expect([await one.tree(), await two.tree()]).toEqual([whole, whole]);
  expect(Object.keys(whole)).toHaveLength(4);
  expect(await one.read(`${dir}/contested.jpg`)).toBe('of three, newest');
  // Two was replaced once by itself on one, then by three's on both.
  expect(await one.listArea('conflicts')).toContain('contested.jpg');
  expect(await two.listArea('conflicts')).toEqual(['contested.jpg']);
  expect(await three.listArea('conflicts')).toEqual([]);
  expect(sent).not.toContain(`${dir}/same.jpg`);
  const entry = await one.app.connection
    .collection<{ _id: string; heldBy: string[]; pending: string[] }>('syncmedia_ledger')
    .findOne({ _id: `${dir}/same.jpg` });
  expect([entry?.heldBy.length, entry?.pending]).toEqual([3, []]);
  const again = await adopt();
  expect(again.findings).toMatchObject([
    { same: 4, missing: 0, extra: 0, different: 0 },
    { same: 4, missing: 0, extra: 0, different: 0 },
  ]);
});

test('files with the same bytes and other dates, as a deploy leaves them, are equal: no conflict and no transfer', async () => {
  const names = ['deployed.jpg', 'deployed too.jpg'],
    dates = [4_000_000, 5_000_000, 6_000_000];
  for (const name of names) {
    for (const [n, machine] of [one, two, three].entries())
      await machine.write(`${dir}/${name}`, `the bytes of ${name}`, dates[n]);
  }
  expect((await adopt()).findings).toMatchObject([
    { same: 3, different: 1 },
    { same: 3, different: 1 },
  ]);
  const sent: string[] = [];
  for (const { app } of [one, two, three])
    app.sync.on('outcome', ({ outcome }) => {
      sent.push(outcome.change.path);
    });
  expect(await adopt({ dryRun: false })).toMatchObject({ state: 'done', failures: [] });
  // Another date is no damage.
  const { sync } = one.app;
  const verified = await sync.runs.follow((await sync.verify()).id);
  expect((verified.pathFindings ?? []).filter(({ path }) => path.includes('deployed'))).toEqual([]);
  for (const machine of [one, two, three]) {
    // By its regular scan, or the next save that names it, each host gives them the date that the
    // ledger has.
    for (const name of names)
      await machine.app.Photo.create({ title: name, file: `${dir}/${name}` });
    for (const name of names) {
      await until(
        async () => (await stat(machine.path(`${dir}/${name}`))).mtimeMs === 4_000_000_000,
        { timeout: 30_000, what: `the date of ${name} on ${machine.name}` },
      );
    }
    expect((await machine.listArea('conflicts')).filter((name) => names.includes(name))).toEqual(
      [],
    );
  }
  const rows = await one.app.connection
    .collection<{ _id: string; heldBy: string[]; pending: string[] }>('syncmedia_ledger')
    .find({ _id: { $in: names.map((name) => `${dir}/${name}`) } })
    .toArray();
  expect(rows.map(({ heldBy, pending }) => [heldBy.length, pending])).toEqual([
    [3, []],
    [3, []],
  ]);
  expect(sent.filter((path) => path.includes('deployed'))).toEqual([]);
});

test('the command line shows it, and requires --yes without a terminal', async () => {
  const env = { ...one.environment, SYNCMEDIA_MONGODB_URI: site.database.uri };
  const shown = await runCli(['adopt'], { env });
  expect([shown.code, shown.stderr]).toEqual([
    1,
    expect.stringContaining('nothing was changed: confirm'),
  ]);
  expect(shown.stdout).toMatch(/HOST +SAME +ONLY HERE +ONLY THERE +DIFFERENT\n/);
  expect(await entries()).toBe(0);
  const done = await runCli(['adopt', '--yes', '--host', 'two', '--json'], { env });
  expect(done.code).toBe(0);
  expect(JSON.parse(done.stdout)).toMatchObject({
    run: { kind: 'adopt', dryRun: false, state: 'done' },
  });
  expect(await two.tree()).toEqual(await one.tree());
});
