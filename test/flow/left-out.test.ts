import { mkdir } from 'node:fs/promises';
import { Schema } from 'mongoose';
import { afterEach, expect, test } from 'vitest';
import { gateIsMissing } from '../gate/confined.js';
import { until } from '../harness/wait.js';
import { dir, openSite, type App, type Site } from './site.js';

let site: Site;
afterEach(() => site.close());

/** With a secret a complete start has no warning. */
const secret = { SYNCMEDIA_SECRET: 'a secret of at least thirty-two bytes' };

const warnings = ({ log }: App, text: string): string[] =>
  log.filter((line) => line.startsWith('warning: ') && line.includes(text));

test.skipIf(gateIsMissing !== undefined)(
  'a sync dir that a release adds and init does not know is reported at the start, at the first save, in status and doctor',
  async () => {
    site = await openSite({
      hosts: ['one'],
      registration: () => ({ syncDirs: [dir] }),
      environment: secret,
    });
    const [machine] = site.machines;
    if (!machine) return expect.fail('no machine');
    await machine.app.close();
    await mkdir(machine.path('uploads/videos'));
    const app = await machine.startApp({ start: false });
    const schema = new Schema({ file: String });
    schema.plugin(app.sync.plugin as never, { syncDirs: ['uploads/videos'] } as never);
    const Video = app.connection.model('Video', schema);
    await app.sync.start();
    expect(warnings(app, 'model Video declares the sync dir uploads/videos')).toEqual([
      expect.stringContaining(`init --sync-dirs ${dir},uploads/videos`),
    ]);
    await machine.write('uploads/videos/a.mp4', 'film');
    await Video.create({ file: 'uploads/videos/a.mp4' });
    await Video.create({ file: 'uploads/videos/a.mp4' });
    expect(warnings(app, 'model Video declares')).toHaveLength(2);
    const [host] = (await app.sync.status()).hosts;
    expect(host?.setup).toEqual([expect.objectContaining({ about: 'uploads/videos' })]);
    expect((await app.sync.doctor()).find(({ name }) => name === 'application')).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('uploads/videos') as string,
    });
  },
);

test('a file in a sync dir that this host does not keep counts as not held, and its status says so', async () => {
  site = await openSite({ hosts: ['one'], registration: () => ({ syncDirs: [dir] }) });
  const [machine] = site.machines;
  if (!machine) return expect.fail('no machine');
  await machine.app.close();
  const app = await machine.startApp({ start: false });
  const schema = new Schema({ file: String });
  schema.plugin(
    app.sync.plugin as never,
    {
      syncDirs: ['uploads/videos', dir],
      exclude: '*.tmp',
      copies: 'all',
      copiesTimeout: 20_000,
      copiesTimeoutAction: 'error',
    } as never,
  );
  const Video = app.connection.model<{ file: string }>('Video', schema as never);
  await app.sync.start();
  await machine.write('uploads/videos/a.mp4', 'film');
  await machine.write(`${dir}/a.mp4`, 'still');
  const video = new Video({ file: 'a.mp4' });
  await expect(video.save()).rejects.toMatchObject({
    code: 'MEDIA_COPIES_TIMEOUT',
    message: expect.stringMatching(
      /^not enough hosts.*"uploads\/videos\/a\.mp4": not kept by syncmedia/,
    ) as string,
  });
  const { files } = await app.sync.statusOf(video);
  expect(files).toMatchObject([
    { path: `${dir}/a.mp4`, captured: true },
    { path: 'uploads/videos/a.mp4', captured: false, unsynced: { why: 'not synced here' } },
  ]);
  await expect(app.sync.waitFor(video)).rejects.toMatchObject({
    message: expect.stringContaining('not kept by syncmedia') as string,
  });
  // Without a file that is captured, too.
  await expect(Video.create({ file: 'uploads/videos/a.mp4' })).rejects.toMatchObject({
    code: 'MEDIA_COPIES_TIMEOUT',
  });
});

test('an excluded file that a document names is listed with its pattern, and reported once', async () => {
  site = await openSite({ hosts: ['one'] });
  const [machine] = site.machines;
  if (!machine) return expect.fail('no machine');
  const { app } = machine;
  await machine.write(`${dir}/a.tmp`, 'a');
  const photo = await app.Photo.create({ title: 'excluded', file: `${dir}/a.tmp` });
  await app.Photo.updateOne({ _id: photo._id }, { title: 'again' });
  const expected = {
    path: `${dir}/a.tmp`,
    captured: false,
    unsynced: { why: 'excluded', syncDir: dir, pattern: '*.tmp' },
  };
  expect((await app.sync.statusOf(photo)).files).toMatchObject([expected]);
  expect((await app.sync.showDocument('Photo', photo.id)).files).toMatchObject([expected]);
  expect((await app.sync.statusOf(`${dir}/a.tmp`)).files).toMatchObject([expected]);
  await expect(app.sync.waitFor(`${dir}/a.tmp`)).rejects.toMatchObject({
    message: expect.stringContaining(
      'the exclude pattern "*.tmp" of the sync dir uploads/photos matches it',
    ) as string,
  });
  expect((await app.sync.waitFor(photo)).files).toEqual([]);
  expect(warnings(app, 'the exclude pattern "*.tmp"')).toEqual([
    expect.stringContaining(`names "${dir}/a.tmp", which is not sent`),
  ]);
});

test('a name with backslashes means the file in the directory', async () => {
  site = await openSite({ hosts: ['one'] });
  const [machine] = site.machines;
  if (!machine) return expect.fail('no machine');
  const { app } = machine;
  await machine.write(`${dir}/2024/a.jpg`, 'a');
  const names = [
    'uploads\\photos\\2024\\a.jpg',
    '2024\\a.jpg',
    '\\uploads\\photos\\2024\\a.jpg',
    '.\\uploads\\photos\\2024\\a.jpg',
  ];
  for (const file of names) {
    const photo = await app.Photo.create({ title: 'from Windows', file });
    expect([
      file,
      (await app.sync.statusOf(photo)).files.map(({ path, captured }) => [path, captured]),
    ]).toEqual([file, [[`${dir}/2024/a.jpg`, true]]]);
  }
});

test.skipIf(gateIsMissing !== undefined)(
  'a complete start logs one line: host, sync dirs, known hosts, leader',
  async () => {
    site = await openSite({
      hosts: ['one', 'two'],
      environment: secret,
    });
    const [machine] = site.machines;
    if (!machine) return expect.fail('no machine');
    const other = await machine.startApp();
    const started = ({ log }: App): string[] =>
      log.filter((line) => line.includes('started on host'));
    await until(() => started(machine.app).length > 0 && started(other).length > 0, {
      timeout: 20_000,
      what: 'a line for each start',
    });
    expect(started(machine.app)).toEqual([
      expect.stringMatching(
        /^info: started on host one; sync dirs: uploads\/photos; known hosts: .*one.*; leader: this process$/,
      ),
    ]);
    expect(other.log).toEqual([
      expect.stringMatching(/known hosts: .*two.*; leader: another process$/),
    ]);
  },
);

test.skipIf(gateIsMissing !== undefined)(
  'an incomplete start logs one line, which ends with the command that completes it',
  async () => {
    site = await openSite({ hosts: ['one'], environment: secret });
    const [machine] = site.machines;
    if (!machine) return expect.fail('no machine');
    await machine.app.close();
    for (const name of ['videos', 'sounds']) await mkdir(machine.path(`uploads/${name}`));
    const app = await machine.startApp({
      plugin: { syncDirs: [dir, 'uploads/videos', 'uploads/sounds'] },
    });
    expect(app.log.filter((line) => !line.startsWith('info: '))).toEqual([
      expect.stringMatching(
        /^warning: started on host one; .*; incomplete: the sync dir uploads\/sounds has no marker.*; the sync dir uploads\/videos has no marker.*\. Remedy: run `syncmedia init`, which marks it/,
      ),
    ]);
    expect(app.log.filter((line) => line.includes('started on host'))).toHaveLength(1);
    expect((await app.sync.status()).hosts[0]?.setup).toMatchObject([
      { about: 'uploads/sounds' },
      { about: 'uploads/videos' },
    ]);
    await app.sync.hosts.init({});
    await app.close();
    const again = await machine.startApp({
      plugin: { syncDirs: [dir, 'uploads/videos', 'uploads/sounds'] },
    });
    expect(warnings(again, '')).toEqual([]);
  },
);

test('the line of an incomplete start counts and names different problems, and refers to doctor; status has all of them', async () => {
  site = await openSite({ hosts: ['one'] });
  const [machine] = site.machines;
  if (!machine) return expect.fail('no machine');
  await machine.app.close();
  const app = await machine.startApp({
    start: false,
    plugin: { paths: ['nosuchfield', 'file'] },
  });
  const schema = new Schema({ file: String });
  schema.plugin(app.sync.plugin as never, { syncDirs: ['uploads/elsewhere'] } as never);
  app.connection.model('Elsewhere', schema);
  app.sync.serve('publik/images');
  app.sync.serve('uploads');
  await app.sync.start();
  const [line = '', ...others] = warnings(app, '');
  expect(others).toEqual([]);
  expect(line).toMatch(/; incomplete: \d problems \(.*\)\. Remedy: run `syncmedia doctor`/);
  for (const about of [
    'SYNCMEDIA_SECRET',
    'Photo.nosuchfield',
    'uploads/elsewhere',
    'serveMedia publik/images',
  ])
    expect(line).toContain(about);
  expect(line).not.toContain('serveMedia uploads');
  expect((await app.sync.status()).hosts[0]?.setup?.map(({ about }) => about).sort()).toEqual([
    'Photo.nosuchfield',
    'serveMedia publik/images',
    'uploads/elsewhere',
  ]);
  await mkdir(machine.path('uploads/elsewhere'));
  await app.close();
  const again = await machine.startApp();
  expect((await again.sync.status()).hosts[0]?.setup).toBeUndefined();
});

test('saves whose documents name no file are counted in the status', async () => {
  site = await openSite({ hosts: ['one'] });
  const [machine] = site.machines;
  if (!machine) return expect.fail('no machine');
  const { app } = machine;
  await machine.write(`${dir}/a.jpg`, 'a');
  await app.Photo.create({ title: 'named', file: `${dir}/a.jpg` });
  for (const file of ['no-such-file.jpg', '<img src="/uploads/photos/a.jpg">'])
    await app.Photo.create({ title: 'unnamed', file });
  await app.close();
  const again = await machine.startApp();
  expect((await again.sync.status()).hosts[0]?.unnamed).toMatchObject({ Photo: { count: 2 } });
});

test('an application that never starts syncmedia gets a warning once a save has waited for ten seconds', async () => {
  site = await openSite({ hosts: ['one'] });
  const [machine] = site.machines;
  if (!machine) return expect.fail('no machine');
  await machine.app.close();
  const app = await machine.startApp({ start: false });
  await machine.write(`${dir}/a.jpg`, 'a');
  await app.Photo.create({ title: 'a photo', file: `${dir}/a.jpg` });
  await until(() => warnings(app, 'startSyncMedia()').length > 0, {
    timeout: 20_000,
    what: 'a warning that nothing was started',
  });
  await app.Photo.create({ title: 'another', file: `${dir}/a.jpg` });
  expect(warnings(app, 'startSyncMedia()')).toHaveLength(1);
});
