import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { HostOverview } from '../../src/api/overview.js';
import { formatRunCursor } from '../../src/api/run-cursor.js';
import type { Run } from '../../src/model/run.js';
import { runCli } from '../cli/run-cli.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let site: Site, one: Machine, two: Machine, three: Machine;
beforeAll(async () => {
  site = await openSite({ plugin: { rescan: false }, tuning: { scansPeriodically: false } });
  [one, two, three] = threeOf(site);
  // Their last scan would find the files that these tests write.
  await until(async () => (await one.app.sync.runs.list()).every(({ state }) => state === 'done'));
});
afterAll(() => site.close());

const idOf = async (name: string): Promise<string> => (await one.app.sync.hosts.show(name)).id;

test('a pull runs at the host that was chosen, and a dry run says size and reason of each file', async () => {
  await three.write(`${dir}/only-three.jpg`, 'three', 1_000);
  const { sync } = one.app;
  const planned = await sync.runs.follow(
    (await sync.pull({ at: 'two', hosts: ['three'], dryRun: true })).id,
  );
  expect(planned).toMatchObject({ at: await idOf('two'), state: 'done' });
  expect(planned.wouldTransfer).toEqual([
    { host: await idOf('three'), path: `${dir}/only-three.jpg`, size: 5, why: 'missing' },
  ]);
  const done = await sync.runs.follow((await sync.pull({ at: 'two', hosts: ['three'] })).id);
  expect(done).toMatchObject({ state: 'done', files: 1 });
  expect(await two.read(`${dir}/only-three.jpg`)).toBe('three');
});

test('a push from another host is requested on the command line', async () => {
  await two.write(`${dir}/only-two.jpg`, 'two', 1_000);
  const { code, stdout } = await runCli(['push', '--at', 'two', '--host', 'three', '--dry-run'], {
    env: { ...one.environment, SYNCMEDIA_MONGODB_URI: site.database.uri },
  });
  expect(code).toBe(0);
  expect(stdout).toMatch(/three +uploads\/photos\/only-two\.jpg +3 B +missing/);
  expect(await three.read(`${dir}/only-two.jpg`)).toBeUndefined();
});

test('a run that names a host which cannot take part fails and says why; a run of all leaves it out', async () => {
  const { sync } = one.app;
  const pull = async (hosts?: string[]): Promise<Run> =>
    sync.runs.follow((await sync.pull({ at: 'two', dryRun: true, ...(hosts && { hosts }) })).id);
  await sync.hosts.edit('three', { status: 'paused' });
  // The leader of two has not read yet that three is paused.
  expect(await pull(['one', 'three'])).toMatchObject({
    state: 'failed',
    failures: [
      {
        host: await idOf('three'),
        failure: { code: 'BAD_OPTION', message: expect.stringContaining('paused') as unknown },
      },
    ],
  });
  expect(await pull()).toMatchObject({ state: 'done', failures: [] });
  await sync.hosts.edit('three', { status: 'approved' });
  expect(await pull(['three'])).toMatchObject({ state: 'done' });
  // Every name of the site may be given, and each counts once.
  const every = await pull(['one', 'two', 'three', await idOf('one')]);
  expect(every).toMatchObject({ state: 'done', failures: [] });
  expect(new Set(every.wouldTransfer?.map(({ path }) => path)).size).toBe(every.filesFound);
  expect((await pull(['two'])).failures[0]?.failure.message).toMatch(/carries out the run itself/);
});

test('a run that names a sync dir fails where its host or the named one does not keep it', async () => {
  const { sync } = one.app;
  // The database knows a sync dir of a model that two does not compile.
  const stored = one.app.connection.collection<{ _id: string }>('syncmedia_syncdirs');
  const [row] = await stored.find().toArray();
  await stored.insertOne({ ...row, _id: 'uploads/elsewhere' });
  const run = await sync.runs.follow(
    (await sync.pull({ at: 'two', dirs: ['uploads/elsewhere'], dryRun: true })).id,
  );
  expect(run).toMatchObject({ state: 'failed', failure: { code: 'BAD_SYNC_DIR' } });
  await stored.deleteOne({ _id: 'uploads/elsewhere' });
  await sync.hosts.edit('three', { syncDirs: ['uploads/other'] });
  const named = await sync.runs.follow(
    (await sync.pull({ at: 'two', hosts: ['three'], dirs: [dir], dryRun: true })).id,
  );
  expect(named.failures.map(({ failure }) => failure.code)).toEqual(['BAD_SYNC_DIR']);
  await sync.hosts.edit('three', { syncDirs: [] });
});

test('a run is refused for a host that cannot carry it out, and for a sync dir that it does not keep', async () => {
  const { sync } = one.app;
  await expect(sync.pull({ at: 'nobody' })).rejects.toMatchObject({ code: 'UNKNOWN_HOST' });
  await expect(sync.pull({ at: 'two', dirs: ['etc'] })).rejects.toMatchObject({
    code: 'BAD_SYNC_DIR',
    message: expect.stringContaining('is no sync dir of two') as unknown,
  });
  await sync.hosts.edit('two', { status: 'paused' });
  await expect(sync.verify({ at: 'two' })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  await sync.hosts.edit('two', { status: 'approved' });
});

test('a run of a host without a leader waits and says so; cancelled, it stays visible and never begins', async () => {
  const { sync } = one.app;
  await three.app.close();
  const run = await sync.push({ at: 'three' });
  expect(run.waits).toMatch(/no process leads three/);
  expect((await sync.runs.show(run.id)).waits).toBe(run.waits);
  const seen: Run[] = [];
  const stop = new AbortController();
  const following = sync.runs.follow(run.id, (now) => seen.push(now), stop.signal);
  await until(() => seen.some(({ waits }) => waits === run.waits));
  stop.abort();
  await expect(following).rejects.toMatchObject({ code: 'CANCELLED' });
  const waiting = await sync.push({ at: 'three' });
  await sync.runs.cancel(run.id);
  const app = await three.startApp();
  expect(await sync.runs.follow(waiting.id)).toMatchObject({ state: 'done' });
  const cancelled = await sync.runs.show(run.id);
  expect(cancelled).toMatchObject({ state: 'cancelled', endedAt: expect.any(Date) as unknown });
  expect(cancelled.startedAt).toBeUndefined();
  expect(cancelled.waits).toBeUndefined();
  expect((await sync.runs.list({ state: 'cancelled' })).map(({ id }) => id)).toContain(run.id);
  await app.close();
});

test('runs are listed by state and host, page by page, while new ones are requested', async () => {
  const { sync } = one.app;
  const all = await sync.runs.list();
  const atTwo = await idOf('two');
  const ofTwo = await sync.runs.list({ host: 'two' });
  expect(ofTwo.map(({ id }) => id)).toEqual(
    all.filter(({ at }) => at === atTwo).map(({ id }) => id),
  );
  expect(await sync.runs.list({ state: 'running', host: atTwo })).toEqual([]);
  const paged: string[] = [];
  let after: string | undefined;
  do {
    const page = await sync.runs.list({ limit: 2, ...(after !== undefined && { after }) });
    paged.push(...page.map(({ id }) => id));
    const last = page.at(-1);
    after = page.length === 2 && last ? formatRunCursor(last) : undefined;
    await sync.pull({ dryRun: true });
  } while (after !== undefined);
  expect(paged).toEqual(all.map(({ id }) => id));
  await expect(sync.runs.list({ after: 'x' })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  for (const limit of [0, -1, 1.5, NaN])
    await expect(sync.runs.list(limit)).rejects.toMatchObject({ code: 'BAD_OPTION' });
  expect((await sync.runs.list(10_000_000)).length).toBeGreaterThan(0);
});

test('a leader learns of a run from its own heartbeat, not from a poll', async () => {
  const never = 3_600_000;
  await two.app.close();
  const app = await two.startApp({ tuning: { pollMs: never, fullPollMs: never } });
  await until(async () => (await one.app.sync.overview()).hosts.find(isLedTwo) !== undefined);
  for (const kind of ['push', 'verify'] as const) {
    const { id } = await one.app.sync[kind]({ at: 'two' });
    expect(await one.app.sync.runs.follow(id)).toMatchObject({ state: 'done' });
  }
  await app.close();
});
const isLedTwo = ({ hostname, leader }: HostOverview): boolean =>
  hostname === 'two' && leader !== undefined;
