import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSyncMedia, type SyncMediaInstance } from '../../src/instance/create.js';
import { until } from '../harness/wait.js';
import { dir, openSite, quick, type Machine, type Site } from './site.js';

let site: Site, one: Machine, two: Machine, command: SyncMediaInstance | undefined;
// Nobody lists sync dirs at init: only the models of the apps declare them.
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'] });
  [one, two] = site.machines as [Machine, Machine];
}, 60_000);
afterAll(async () => {
  await command?.close();
  await site.close();
});

test('a command, which has no models, knows the sync dirs that the app of its host declared, and pushes without that app', async () => {
  await one.app.close();
  await one.write(`${dir}/pushed.jpg`, 'pushed');
  await one.write(`${dir}/left.tmp`, 'excluded');
  const connection = await site.database.connect();
  command = createSyncMedia(
    {
      connection,
      environment: one.environment,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    },
    quick,
  );
  expect((await command.status()).syncDirs).toMatchObject([{ path: dir, exclude: ['*.tmp'] }]);
  const { id } = await command.push();
  expect(await command.runs.follow(id)).toMatchObject({ state: 'done', failures: [] });
  await until(async () => (await two.read(`${dir}/pushed.jpg`)) === 'pushed', {
    timeout: 30_000,
  });
  expect(await two.read(`${dir}/left.tmp`)).toBeUndefined();
}, 120_000);
