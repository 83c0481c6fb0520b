import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Run } from '../../src/model/run.js';
import { runCli } from '../cli/run-cli.js';
import { gateIsMissing } from '../gate/confined.js';
import { until } from '../harness/wait.js';
import { annexIsMissing } from '../transport/git-annex/site.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

describe.skipIf(gateIsMissing !== undefined)('restoring a sync dir to a time, with git', () => {
  describeRestores('git', { SYNCMEDIA_HISTORY_MAX_FILE_BYTES: '1K' });
});

describe.skipIf((gateIsMissing ?? annexIsMissing) !== undefined)(
  'restoring a sync dir to a time, with git-annex',
  () => {
    describeRestores('git-annex', { SYNCMEDIA_ANNEX_LARGER_THAN: '1K' });
  },
);

/** git knows files beyond its limit by name only; the annex has their bytes. */
function describeRestores(backend: 'git' | 'git-annex', limit: Record<string, string>): void {
  const environment = { SYNCMEDIA_BACKEND: backend, ...limit };
  const hasLarge = backend === 'git-annex';
  let site: Site, one: Machine, two: Machine, three: Machine;
  /** After the first version of each file, before everything else. */
  let then: Date;

  const pathOf = (name: string): string => `${dir}/${name}`;
  const save = async (name: string, content: string): Promise<void> => {
    await one.write(pathOf(name), content);
    await one.app.Photo.create({ title: `photo of ${name}`, file: pathOf(name) });
  };
  const untilListed = (name: string, count: number): Promise<unknown> =>
    until(
      async () =>
        (await Promise.all([one, two].map(({ app }) => app.sync.history.list(pathOf(name)))).then(
          (lists) => lists.every(({ length }) => length === count),
        )) || undefined,
      { what: `${String(count)} versions of ${name}` },
    );
  const restore = async (
    options: { dryRun: boolean; before?: string },
    at = then,
  ): Promise<Run> => {
    const { id } = await two.app.sync.history.restoreDir(dir, at.toISOString(), options);
    return two.app.sync.runs.follow(id);
  };

  beforeAll(async () => {
    site = await openSite({ environment, plugin: { onDelete: 'propagate' } });
    [one, two, three] = threeOf(site);
    for (const name of ['replaced.jpg', 'removed.jpg', 'same.jpg', 'again.jpg'])
      await save(name, `${name} then`);
    await save('large.jpg', 'x'.repeat(2_000));
    for (const name of ['replaced.jpg', 'removed.jpg', 'same.jpg', 'again.jpg', 'large.jpg'])
      await untilListed(name, 1);
    await untilNothingPending(site);
    then = new Date();
    await until(() => Date.now() > then.getTime() + 5);
    await save('replaced.jpg', 'replaced.jpg now');
    await save('again.jpg', 'again.jpg between');
    await save('large.jpg', 'y'.repeat(2_000));
    await save('later.jpg', 'later.jpg now');
    await one.app.Photo.deleteOne({ file: pathOf('removed.jpg') });
    await rm(one.path(pathOf('removed.jpg')));
    for (const name of ['replaced.jpg', 'again.jpg', 'large.jpg', 'removed.jpg'])
      await untilListed(name, 2);
    await untilListed('later.jpg', 1);
    await save('again.jpg', 'again.jpg then');
    await untilListed('again.jpg', 3);
    // The bytes come to the other host after the names.
    if (hasLarge)
      await until(async () => {
        const versions = await two.app.sync.history.list(pathOf('large.jpg'));
        return versions.every(({ as }) => as === 'stored');
      });
    await untilNothingPending(site);
    // Its bytes are nowhere any more.
    for (const { path } of [one, two, three])
      await rm(path(`${dir}/.syncmedia/trash`), { recursive: true, force: true });
  });
  afterAll(() => site.close());

  test('a dry run lists what it would restore and what it leaves out, and changes nothing', async () => {
    const before = await three.tree();
    const run = await restore({ dryRun: true });
    expect(run).toMatchObject({
      state: 'done',
      kind: 'restore',
      dryRun: true,
      filesFound: hasLarge ? 3 : 2,
    });
    expect(run.wouldTransfer?.map(({ path, why }) => [path, why])).toEqual([
      ...(hasLarge ? [[pathOf('large.jpg'), 'different']] : []),
      [pathOf('removed.jpg'), 'missing'],
      [pathOf('replaced.jpg'), 'different'],
    ]);
    expect(run.transferReasons).toHaveLength(2);
    expect(run.transferReasons).toEqual(
      expect.arrayContaining([
        { why: 'missing', count: 1 },
        { why: 'different', count: hasLarge ? 2 : 1 },
      ]),
    );
    expect(run.leftOut).toEqual([
      ...(hasLarge ? [] : [{ why: 'hash only', count: 1, paths: [pathOf('large.jpg')] }]),
      { why: 'no version', count: 1, paths: [pathOf('later.jpg')] },
    ]);
    expect(await three.tree()).toEqual(before);
  });

  test('the command tells the same, and names both forms of a time that could be a revision', async () => {
    const command = (...args: string[]): ReturnType<typeof runCli> =>
      runCli(['restore', ...args], {
        env: { ...two.environment, SYNCMEDIA_MONGODB_URI: site.database.uri },
      });
    const told = await command('--dir', dir, '--at', then.toISOString());
    expect([told.code, told.stdout]).toEqual([
      hasLarge ? 0 : 3,
      expect.stringMatching(
        /WOULD RESTORE[^]*removed\.jpg[^]*replaced\.jpg[^]*STAYS AS IT IS[^]*la(rge|ter)\.jpg[^]*--yes/,
      ),
    ]);
    const unclear = await command(pathOf('replaced.jpg'), '--at', '2026');
    expect([unclear.code, unclear.stderr]).toEqual([
      2,
      expect.stringMatching(/may be a time or the beginning of a revision/),
    ]);
    expect((await command('--dir', dir, '--at', 'a1b2c3d4')).code).toBe(2);
    expect((await command('--at', then.toISOString())).code).toBe(2);
    expect((await command('x', '--dir', dir, '--at', then.toISOString())).code).toBe(2);
  });

  test('each file becomes a new version on all hosts, and a second run has nothing to do', async () => {
    const run = await restore({ dryRun: false });
    const count = hasLarge ? 3 : 2;
    expect(run).toMatchObject({ state: 'done', files: count, filesFound: count, failures: [] });
    for (const name of ['replaced.jpg', 'removed.jpg'])
      await until(async () =>
        (await Promise.all([one, two, three].map((machine) => machine.read(pathOf(name))))).every(
          (content) => content === `${name} then`,
        ),
      );
    expect(await three.read(pathOf('later.jpg'))).toBe('later.jpg now');
    await until(
      async () =>
        (await three.read(pathOf('large.jpg')))?.startsWith(hasLarge ? 'x' : 'y') === true,
    );
    await untilListed('replaced.jpg', 3);
    const [newest] = await one.app.sync.history.list(pathOf('replaced.jpg'));
    expect([newest?.hostname, newest?.author]).toEqual(['two', 'the app']);
    await untilNothingPending(site);
    expect(await restore({ dryRun: false })).toMatchObject({ state: 'done', filesFound: 0 });
    await untilListed('replaced.jpg', 3);
  });

  test('a restore whose process ends is carried on by the next one', async () => {
    const names = Array.from({ length: 150 }, (_, index) => `many/${String(index)}.jpg`);
    const saveAll = async (content: string): Promise<void> => {
      for (const name of names) await two.write(pathOf(name), `${content} ${name}`);
      await two.app.sync.capture(names.map(pathOf));
      await untilNothingPending(site);
      await until(async () => {
        const { hosts } = await two.app.sync.status();
        return hosts.find(({ thisHost }) => thisHost)?.history?.unrecorded === 0;
      });
    };
    await saveAll('early');
    const between = new Date();
    await until(() => Date.now() > between.getTime() + 5);
    await saveAll('late');
    const { id } = await two.app.sync.history.restoreDir(dir, between.toISOString(), {
      dryRun: false,
    });
    await until(async () => (await two.app.sync.runs.show(id)).files > 0);
    await two.app.close();
    expect(await one.app.sync.runs.show(id)).toMatchObject({ state: 'running' });
    two.app = await two.startApp();
    const resumed = await two.app.sync.runs.follow(id);
    expect(resumed).toMatchObject({ state: 'done', failures: [] });
    // It does not repeat what was done before.
    expect(resumed.files).toBeLessThan(names.length);
    await untilNothingPending(site);
    for (const name of names)
      await until(async () => (await three.read(pathOf(name))) === `early ${name}`);
  });

  test('what was saved after the request stays', async () => {
    const at = new Date();
    await until(() => Date.now() > at.getTime() + 5);
    await save('racing.jpg', 'first');
    await untilListed('racing.jpg', 1);
    await save('racing.jpg', 'second');
    await untilListed('racing.jpg', 2);
    await untilNothingPending(site);
    const between = (await one.app.sync.history.list(pathOf('racing.jpg'))).at(-1)?.at;
    await two.app.close();
    // Nothing leads the host that is to restore, so the save comes after the request.
    two.app = await two.startApp({ start: false });
    const { id } = await two.app.sync.history.restoreDir(dir, between?.toISOString() ?? '', {
      dryRun: false,
    });
    await save('racing.jpg', 'after the request');
    await until(
      async () => (await one.app.sync.statusOf(pathOf('racing.jpg'))).files[0]?.size === 17,
    );
    await two.app.sync.start();
    expect(await two.app.sync.runs.follow(id)).toMatchObject({ state: 'done', filesFound: 0 });
    await untilNothingPending(site);
    expect(await two.read(pathOf('racing.jpg'))).toBe('after the request');
  });

  test('a confirmed restore leaves alone what was saved since its dry run', async () => {
    await save('shown.jpg', 'first');
    await untilListed('shown.jpg', 1);
    const between = new Date();
    await until(() => Date.now() > between.getTime() + 5);
    await save('shown.jpg', 'second');
    await untilListed('shown.jpg', 2);
    await untilNothingPending(site);
    const { requestedAt, wouldTransfer } = await restore({ dryRun: true }, between);
    expect(wouldTransfer).toMatchObject([{ path: pathOf('shown.jpg') }]);
    await until(() => Date.now() > requestedAt.getTime() + 5);
    await save('shown.jpg', 'third');
    await untilListed('shown.jpg', 3);
    await untilNothingPending(site);
    const confirmed = { dryRun: false, before: requestedAt.toISOString() };
    expect(await restore(confirmed, between)).toMatchObject({ state: 'done', filesFound: 0 });
    expect(await two.read(pathOf('shown.jpg'))).toBe('third');
  });
}
