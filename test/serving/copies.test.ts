import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { PluginOptions } from '../../src/config/config.js';
import {
  dir,
  openSite,
  threeOf,
  untilNothingPending,
  type App,
  type Machine,
  type Site,
} from '../flow/site.js';
import { until } from '../harness/wait.js';

let site: Site, one: Machine, two: Machine, three: Machine;
beforeAll(async () => {
  site = await openSite({ plugin: { rescan: false, copies: 'all', copiesTimeout: 20_000 } });
  [one, two, three] = threeOf(site);
});
afterAll(() => site.close());
afterEach(async () => {
  if (!two.ssh.running()) await two.ssh.start();
  await untilNothingPending(site);
});

/** A process of host one whose saves wait; another process of that host leads. */
const open = (plugin: Partial<PluginOptions>): Promise<App> => one.startApp({ plugin });

const holders = async (name: string): Promise<string[]> =>
  (await one.app.sync.statusOf(`${dir}/${name}`)).files[0]?.heldBy
    .map(({ hostname }) => hostname)
    .sort() ?? [];
async function save(app: App, name: string, content = name): Promise<{ _id: unknown }> {
  await one.write(`${dir}/${name}`, content);
  return app.Photo.create({ title: name, file: `${dir}/${name}` });
}

describe('a save with copies', () => {
  test('resolves when all hosts hold the file, or the requested number of them', async () => {
    const app = await open({ copies: 'all', copiesTimeout: 20_000 });
    await save(app, 'a.jpg');
    expect(await two.read(`${dir}/a.jpg`)).toBe('a.jpg');
    expect(await three.read(`${dir}/a.jpg`)).toBe('a.jpg');
    expect(await holders('a.jpg')).toEqual(['one', 'three', 'two']);
    expect(app.log.join('\n')).not.toMatch(/hold the saved files/);
  });

  test('waits for the new bytes of a file that every host held before', async () => {
    const app = await open({ copies: 'all', copiesTimeout: 20_000 });
    await save(app, 'again.jpg', 'old');
    await one.write(`${dir}/again.jpg`, 'newer');
    const photo = await app.Photo.findOne({ title: 'again.jpg' });
    await photo?.save();
    expect([await two.read(`${dir}/again.jpg`), await three.read(`${dir}/again.jpg`)]).toEqual([
      'newer',
      'newer',
    ]);
  });

  test('works in the leader, too', async () => {
    await save(one.app, 'b.jpg');
    expect([await two.read(`${dir}/b.jpg`), await three.read(`${dir}/b.jpg`)]).toEqual([
      'b.jpg',
      'b.jpg',
    ]);
  });

  test('stands at the timeout, and the log says who holds the file, who does not and why', async () => {
    const app = await open({ copies: 'all', copiesTimeout: 4_000 });
    await two.ssh.stop({ hard: true });
    const saved = await save(app, 'down.jpg');
    expect(saved).toHaveProperty('_id');
    expect(await app.Photo.countDocuments({ title: 'down.jpg' })).toBe(1);
    expect(await holders('down.jpg')).toEqual(['one', 'three']);
    const told = app.log.find((line) => line.includes('hold the saved files'));
    expect(told).toMatch(/^warning: model Photo, document [0-9a-f]{24}: after 4000 ms/);
    expect(told).toMatch(
      /"uploads\/photos\/down\.jpg": held by one, three; 3 wanted; not by two \(HOST_UNREACHABLE: /,
    );
  });

  test('rejects at the timeout where the app wants that; the document is saved all the same', async () => {
    const app = await open({ copies: 'all', copiesTimeout: 1_000, copiesTimeoutAction: 'error' });
    await two.ssh.stop({ hard: true });
    await expect(save(app, 'error.jpg')).rejects.toMatchObject({
      code: 'MEDIA_COPIES_TIMEOUT',
      message: expect.stringMatching(/not by .*two/) as string,
    });
    expect(await app.Photo.countDocuments({ title: 'error.jpg' })).toBe(1);
    await two.ssh.start();
    await until(async () => (await two.read(`${dir}/error.jpg`)) === 'error.jpg', {
      timeout: 15_000,
    });
  });

  test.each([[2], ['majority']] as const)(
    'of %s resolves although one of three hosts is down',
    async (copies) => {
      const app = await open({ copies, copiesTimeout: 20_000, copiesTimeoutAction: 'error' });
      await two.ssh.stop({ hard: true });
      await save(app, 'most.jpg');
      expect((await holders('most.jpg')).length).toBeGreaterThanOrEqual(2);
    },
  );

  test('waits for nothing where it names no file, or edits a title', async () => {
    const app = await open({ copies: 'all', copiesTimeout: 600_000, copiesTimeoutAction: 'error' });
    await save(app, 'title.jpg');
    await two.ssh.stop({ hard: true });
    await app.Photo.create({ title: 'no file' });
    const photo = await app.Photo.findOne({ title: 'title.jpg' });
    await photo?.set({ title: 'another title' }).save();
    expect(await app.Photo.countDocuments({ title: 'another title' })).toBe(1);
  });

  test('waits for nothing in a transaction; waitFor does after the commit', async () => {
    const app = await open({ copies: 'all', copiesTimeout: 600_000, copiesTimeoutAction: 'error' });
    await one.write(`${dir}/tx.jpg`, 'tx');
    await app.connection.transaction(async (session) => {
      await app.Photo.create([{ title: 'tx', file: `${dir}/tx.jpg` }], { session });
    });
    const { files } = await one.app.sync.waitFor(`${dir}/tx.jpg`, { timeout: 20_000 });
    expect(files[0]?.heldBy.sort()).toEqual(['one', 'three', 'two']);
  });
});

describe('waitFor', () => {
  let app: App;
  beforeAll(async () => {
    app = await open({ copies: 1 });
  });

  test('waits for every file of a document, in any process of any host', async () => {
    await one.write(`${dir}/w.jpg`, 'w');
    await one.write(`${dir}/t.jpg`, 't');
    const photo = await app.Photo.create({ title: 'w', file: `/${dir}/w.jpg`, thumbnail: 't.jpg' });
    const { files } = await one.app.sync.waitFor(photo, { timeout: 20_000 });
    expect(files.map(({ path }) => path).sort()).toEqual([`${dir}/t.jpg`, `${dir}/w.jpg`]);
    for (const { heldBy, lackedBy } of files)
      expect([heldBy.sort(), lackedBy]).toEqual([['one', 'three', 'two'], []]);
    const elsewhere = await three.app.Photo.findById(photo._id);
    expect(
      (await three.app.sync.waitFor(elsewhere ?? photo, { timeout: 20_000 })).files,
    ).toHaveLength(2);
  });

  test('rejects with the missing copies, and goes on being right on the next call', async () => {
    await two.ssh.stop({ hard: true });
    const photo = await save(app, 'lack.jpg');
    await until(async () => (await holders('lack.jpg')).join() === 'one,three');
    await expect(one.app.sync.waitFor(photo, { timeout: 500 })).rejects.toMatchObject({
      code: 'MEDIA_COPIES_TIMEOUT',
      message: expect.stringMatching(
        /held by (one, three|three, one); 3 wanted; not by two/,
      ) as string,
    });
    expect((await one.app.sync.waitFor(photo, { copies: 2, timeout: 500 })).files[0]?.needed).toBe(
      2,
    );
    await two.ssh.start();
    await one.app.sync.waitFor(photo, { timeout: 20_000 });
    expect(await two.read(`${dir}/lack.jpg`)).toBe('lack.jpg');
  });

  test('does not count paused hosts, and says when more copies are requested than hosts can hold', async () => {
    await one.app.sync.hosts.edit('two', { status: 'paused' });
    const photo = await save(app, 'paused.jpg');
    await one.app.sync.waitFor(photo, { timeout: 20_000 });
    await expect(one.app.sync.waitFor(photo, { copies: 4, timeout: 300 })).rejects.toThrow(
      /4 wanted; not by no other host is to have it/,
    );
    await one.app.sync.hosts.edit('two', { status: 'approved' });
  });

  test('refuses files that it cannot wait for', async () => {
    await expect(one.app.sync.waitFor('../etc/passwd')).rejects.toMatchObject({ code: 'BAD_PATH' });
    await expect(one.app.sync.waitFor({ _id: 1 })).rejects.toMatchObject({ code: 'BAD_OPTION' });
    await expect(one.app.sync.waitFor(`${dir}/a.jpg`, { copies: 0 })).rejects.toMatchObject({
      code: 'BAD_OPTION',
    });
    await expect(one.app.sync.waitFor(`${dir}/a.jpg`, { timeout: -1 })).rejects.toMatchObject({
      code: 'BAD_OPTION',
    });
    await expect(one.app.sync.waitFor(`${dir}/never.jpg`, { timeout: 100 })).rejects.toThrow(
      /not captured yet/,
    );
  });

  test('ends when the instance is closed', async () => {
    await two.ssh.stop({ hard: true });
    const closing = await open({ copies: 1 });
    const photo = await save(closing, 'closed.jpg');
    const waiting = closing.sync.waitFor(photo, { timeout: 600_000 });
    waiting.catch(() => undefined);
    await until(async () => (await holders('closed.jpg')).length === 2);
    await closing.sync.close();
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
