import { mkdir, rm } from 'node:fs/promises';
import { Types } from 'mongoose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { FileQuery } from '../../src/api/requests.js';
import { runCli } from '../cli/run-cli.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

let site: Site, one: Machine, two: Machine, three: Machine;
const names = ['Cat.JPG', 'cat(1).jpg', 'cat.jpg.bak', 'dog [a+b].jpg', 'a^$|b.jpg', 'ÄRGER.jpg'];
beforeAll(async () => {
  site = await openSite();
  [one, two, three] = threeOf(site);
  for (const name of names) {
    await one.write(`${dir}/${name}`, name);
    await one.app.Photo.create({ title: name, file: `${dir}/${name}` });
  }
  await untilNothingPending(site);
});
afterAll(() => site.close());

const find = async (query: FileQuery): Promise<string[]> =>
  (await two.app.sync.files.find(query)).files.map(({ path }) => path.slice(dir.length + 1));

describe('files are found', () => {
  test('by a part of their path, whatever its case and characters', async () => {
    expect(await find({ contains: 'CAT' })).toEqual(['Cat.JPG', 'cat(1).jpg', 'cat.jpg.bak']);
    expect(await find({ contains: 'cat(' })).toEqual(['cat(1).jpg']);
    expect(await find({ contains: '[a+b]' })).toEqual(['dog [a+b].jpg']);
    expect(await find({ contains: 'A^$|B' })).toEqual(['a^$|b.jpg']);
    expect(await find({ contains: 'ärger' })).toEqual(['ÄRGER.jpg']);
    for (const contains of ['.*', '^', 'c.t', '(?i)cat', '\\Q', '$', 'cat|dog', '\\'])
      expect(await find({ contains }), contains).toEqual(
        contains === '^' || contains === '$' ? ['a^$|b.jpg'] : [],
      );
  });

  test('page by page, by path', async () => {
    const { files, next } = await two.app.sync.files.find({ contains: 'cat', limit: 2 });
    expect(files.map(({ path }) => path)).toEqual([`${dir}/Cat.JPG`, `${dir}/cat(1).jpg`]);
    expect(next).toBe(`${dir}/cat(1).jpg`);
    expect(await find({ contains: 'cat', limit: 2, after: `${dir}/cat(1).jpg` })).toEqual([
      'cat.jpg.bak',
    ]);
  });

  test('by path, by document, and by public address', async () => {
    expect(await find({ path: `${dir}/Cat.JPG` })).toEqual(['Cat.JPG']);
    expect(await find({ path: one.path(`${dir}/Cat.JPG`) })).toEqual(['Cat.JPG']);
    const photo = await one.app.Photo.findOne({ title: 'Cat.JPG' }).orFail();
    const document = { model: 'Photo', id: String(photo._id) };
    expect(await find({ document })).toEqual(['Cat.JPG']);
    for (const url of [
      'https://example.com/uploads/photos/Cat.JPG?v=2',
      '/any/mount/Cat.JPG',
      '/uploads/photos/dog%20%5Ba%2Bb%5D.jpg',
    ])
      expect(await find({ url })).toEqual([url.includes('dog') ? 'dog [a+b].jpg' : 'Cat.JPG']);
    expect(await two.app.sync.files.find({ url: '/uploads/photos/none.jpg' })).toMatchObject({
      files: [{ path: `${dir}/none.jpg`, captured: false }],
    });
  });

  test('by the document that saved them, where the model is not known, as on the command line', async () => {
    const photo = await one.app.Photo.findOne({ title: 'Cat.JPG' }).orFail();
    const cli = (...args: string[]) =>
      runCli(args, { env: { ...two.environment, SYNCMEDIA_MONGODB_URI: site.database.uri } });
    const found = await cli('where', 'Photo', String(photo._id));
    expect([found.code, found.stderr]).toEqual([0, '']);
    expect(found.stdout).toContain(`${dir}/Cat.JPG`);
    const none = await cli('where', 'Photo', String(new Types.ObjectId()));
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('UNKNOWN_DOCUMENT');
  });
});

test('a search says clearly what it cannot do', async () => {
  const { files } = two.app.sync;
  for (const query of [
    {},
    { path: 'a', contains: 'b' },
    { path: 'a', url: 'b' },
    { contains: '' },
    { contains: '\0' },
    { contains: 'x'.repeat(1_001) },
    { contains: 'x', limit: 0 },
  ])
    await expect(files.find(query), JSON.stringify(query)).rejects.toMatchObject({
      code: 'BAD_OPTION',
    });
  for (const path of ['../secret', '/etc/passwd', `${dir}/.syncmedia/id`, 'elsewhere/a.jpg'])
    await expect(files.find({ path }), path).rejects.toMatchObject({ code: 'BAD_PATH' });
  await expect(files.find({ url: 'http://[' })).rejects.toMatchObject({ code: 'BAD_PATH' });
  await expect(files.find({ pendingOn: 'nobody' })).rejects.toMatchObject({ code: 'UNKNOWN_HOST' });
});

test('the models of the site are listed with their sync dirs, also to a process without them', async () => {
  expect(await one.app.sync.models()).toEqual([{ name: 'Photo', syncDirs: [dir], plugged: true }]);
});

/** A blocked path and a failing host wait for a person, as far as these tests go. */
async function makePatient(machine: Machine): Promise<void> {
  await machine.app.close();
  const patienceMs = 600_000;
  machine.app = await machine.startApp({
    tuning: {
      blockedRetryMs: patienceMs,
      blockedRetryMaxMs: patienceMs,
      backoffMs: patienceMs,
      backoffMaxMs: patienceMs,
      returnCheckMs: patienceMs,
    },
  });
}

test('a blocked path is found with cause and remedy, and a retry on a third host wakes the origin', async () => {
  const file = `${dir}/blocked.jpg`;
  await makePatient(one);
  // Something that is no file lies in its way.
  await mkdir(two.path(file));
  await one.write(file, 'blocked');
  await one.app.Photo.create({ title: 'blocked', file });
  const { sync } = three.app;
  const found = await until(
    async () => {
      const [found] = (await sync.files.find({ blockedOn: 'two' })).files;
      // Host three gets it at the same time.
      return found?.pending.length === 1 && found.pending[0];
    },
    { timeout: 20_000 },
  );
  expect(found).toMatchObject({ hostname: 'two', blocked: true, failure: { code: 'NOT_A_FILE' } });
  expect(found.why).toBe(found.failure?.message);
  expect(found.remedy).toContain('Move it away');
  expect(await find({ pendingOn: 'two' })).toEqual(['blocked.jpg']);
  await rm(two.path(file), { recursive: true });
  expect(await sync.files.retry({ path: file })).toEqual({ retried: 1 });
  await until(async () => (await two.read(file)) === 'blocked', { timeout: 15_000 });
  await untilNothingPending(site);
  expect(await sync.files.retry({ path: file })).toEqual({ retried: 0 });
  await expect(sync.files.retry({})).rejects.toMatchObject({ code: 'BAD_OPTION' });
  await expect(sync.files.retry({ path: '../x' })).rejects.toMatchObject({ code: 'BAD_PATH' });
});

test('a retry of a host that came back ends its long backoff on every origin', async () => {
  const file = `${dir}/down.jpg`;
  await two.ssh.stop({ hard: true });
  await one.write(file, 'down');
  await one.app.Photo.create({ title: 'down', file });
  const { sync } = three.app;
  await until(
    async () => {
      const [found] = (await sync.files.find({ pendingOn: 'two' })).files;
      return found?.pending.some(({ failure }) => failure?.code === 'HOST_UNREACHABLE');
    },
    { timeout: 20_000 },
  );
  await two.ssh.start();
  expect((await sync.files.retry({ host: 'two' })).retried).toBe(1);
  await until(async () => (await two.read(file)) === 'down', { timeout: 15_000 });
});
