import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Run } from '../../src/model/run.js';
import { runCli } from '../cli/run-cli.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

let site: Site, one: Machine, two: Machine;
beforeEach(async () => {
  // Slow enough that there is something to tell, and to interrupt: 300 KiB/s, of which there are 3
  // MiB in ten files.
  site = await openSite({
    plugin: { rescan: false },
    environment: { SYNCMEDIA_BWLIMIT: '300' },
    // A scan would have two send the files.
    tuning: { scansPeriodically: false },
  });
  [one, two] = threeOf(site);
  for (let index = 0; index < 10; index++)
    await two.write(`${dir}/${String(index)}.bin`, Buffer.alloc(300 * 1024, index), 1_000_000);
});
afterEach(() => site.close());

test('a pull shows its size, progress and speed as events, to a follower, and on a terminal', async () => {
  const events: Run[] = [],
    followed: Run[] = [];
  one.app.sync.on('run', ({ run }) => {
    events.push(run);
  });
  const { id } = await one.app.sync.pull({ hosts: ['two'] });
  const shown = runCli(['runs', 'follow', id], {
    terminal: true,
    env: { ...one.environment, SYNCMEDIA_MONGODB_URI: site.database.uri },
  });
  const ended = await one.app.sync.runs.follow(id, (run) => {
    followed.push(run);
  });
  expect(ended).toMatchObject({
    state: 'done',
    files: 10,
    filesFound: 10,
    bytes: 10 * 300 * 1024,
    bytesFound: 10 * 300 * 1024,
  });
  expect(ended.secondsLeft).toBeUndefined();
  expect(
    events.some(
      ({ state, filesFound, files }) => state === 'running' && filesFound === 10 && files < 10,
    ),
  ).toBe(true);
  expect(followed.some(({ state, filesFound }) => state === 'running' && filesFound === 10)).toBe(
    true,
  );
  expect((await shown).stdout).toMatch(/pull \[#*-*\] \d+% \d+ of 10 files/);
});

test('a pull that is cancelled ends at once, and the next one goes on from where it was', async () => {
  const { sync } = one.app;
  const { id } = await sync.pull({ hosts: ['two'] });
  await until(async () => (await sync.runs.show(id)).filesFound === 10, { timeout: 20_000 });
  // It is cancelled at once, and rsync ends a little later.
  const ended = new Promise<void>((resolve) => {
    sync.on('run', ({ run }) => {
      if (run.id === id && run.state === 'cancelled') resolve();
    });
  });
  await sync.runs.cancel(id);
  expect(await sync.runs.follow(id)).toMatchObject({ state: 'cancelled' });
  await ended;
  const here = Object.keys(await one.tree()).length;
  expect(here).toBeLessThan(10);
  const again = await sync.runs.follow((await sync.pull({ hosts: ['two'] })).id);
  expect(again).toMatchObject({ state: 'done', filesFound: 10 - here });
  expect(await one.tree()).toEqual(await two.tree());
});

test('a pull whose process ends is carried out by the next one', async () => {
  const { id } = await one.app.sync.pull({ hosts: ['two'] });
  await until(async () => (await one.app.sync.runs.show(id)).filesFound === 10, {
    timeout: 20_000,
  });
  await one.app.close();
  expect(Object.keys(await one.tree()).length).toBeLessThan(10);
  const app = await one.startApp();
  expect(await app.sync.runs.follow(id)).toMatchObject({ id, state: 'done' });
  expect(await one.tree()).toEqual(await two.tree());
});
