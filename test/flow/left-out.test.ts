import { mkdir } from 'node:fs/promises';
import { Schema } from 'mongoose';
import { afterEach, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { dir, openSite, type App, type Site } from './site.js';

let site: Site;
afterEach(() => site.close());

const warnings = ({ log }: App, text: string): string[] => log.filter((line) => line.startsWith('warning: ') && line.includes(text));

test('a sync dir that a release adds and init does not know is told at the start, at the first save, in status and doctor', async () => {
  site = await openSite({ hosts: ['one'], registration: () => ({ syncDirs: [dir] }) });
  const [machine] = site.machines;
  if (!machine) return expect.fail('no machine');
  await machine.app.close();
  await mkdir(machine.path('uploads/videos'));
  const app = await machine.startApp({ start: false });
  const schema = new Schema({ file: String });
  schema.plugin(app.sync.plugin as never, { syncDirs: ['uploads/videos'] } as never);
  const Video = app.connection.model('Video', schema);
  await app.sync.start();
  expect(warnings(app, 'model Video declares the sync dir uploads/videos')).toEqual([expect.stringContaining(`init --sync-dirs ${dir},uploads/videos`)]);
  await machine.write('uploads/videos/a.mp4', 'film');
  await Video.create({ file: 'uploads/videos/a.mp4' });
  await Video.create({ file: 'uploads/videos/a.mp4' });
  expect(warnings(app, 'model Video declares')).toHaveLength(2);
  const [host] = (await app.sync.status()).hosts;
  expect(host?.setup).toEqual([expect.objectContaining({ about: 'uploads/videos' })]);
  expect((await app.sync.doctor()).find(({ name }) => name === 'application')).toMatchObject({ state: 'failed', message: expect.stringContaining('uploads/videos') as string });
});

test('fields that do not exist, directories that are missing and served directories without a sync dir are told at the start', async () => {
  site = await openSite({ hosts: ['one'] });
  const [machine] = site.machines;
  if (!machine) return expect.fail('no machine');
  await machine.app.close();
  const app = await machine.startApp({ start: false, plugin: { paths: ['nosuchfield', 'file'] } });
  const schema = new Schema({ file: String });
  schema.plugin(app.sync.plugin as never, { syncDirs: ['uploads/elsewhere'] } as never);
  app.connection.model('Elsewhere', schema);
  app.sync.serve('publik/images');
  app.sync.serve('uploads');
  await app.sync.start();
  expect(warnings(app, 'names the field "nosuchfield"')).toHaveLength(1);
  expect(warnings(app, 'the sync dir uploads/elsewhere is declared, but')).toHaveLength(1);
  expect(warnings(app, 'serveMedia serves publik/images, but')).toHaveLength(1);
  expect(warnings(app, 'serveMedia serves uploads,')).toEqual([]);
  expect((await app.sync.status()).hosts[0]?.setup?.map(({ about }) => about).sort()).toEqual(['Photo.nosuchfield', 'serveMedia publik/images', 'uploads/elsewhere']);
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
  for (const file of ['no-such-file.jpg', '<img src="/uploads/photos/a.jpg">']) await app.Photo.create({ title: 'unnamed', file });
  await app.close();
  const again = await machine.startApp();
  expect((await again.sync.status()).hosts[0]?.unnamed).toMatchObject({ Photo: { count: 2 } });
});

test('an application that never starts syncmedia is told so once a save has waited for ten seconds', async () => {
  site = await openSite({ hosts: ['one'] });
  const [machine] = site.machines;
  if (!machine) return expect.fail('no machine');
  await machine.app.close();
  const app = await machine.startApp({ start: false });
  await machine.write(`${dir}/a.jpg`, 'a');
  await app.Photo.create({ title: 'a photo', file: `${dir}/a.jpg` });
  await until(() => warnings(app, 'startSyncMedia()').length > 0, { timeout: 20_000, what: 'a warning that nothing was started' });
  await app.Photo.create({ title: 'another', file: `${dir}/a.jpg` });
  expect(warnings(app, 'startSyncMedia()')).toHaveLength(1);
});
