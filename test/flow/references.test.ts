import { rm } from 'node:fs/promises';
import { Schema, type Connection, type Model } from 'mongoose';
import { afterEach, describe, expect, test } from 'vitest';
import type { SyncMediaInstance } from '../../src/instance/create.js';
import { until } from '../harness/wait.js';
import {
  dir,
  openSite,
  untilNothingPending,
  type Machine,
  type Site,
  type SiteOptions,
} from './site.js';

let site: Site, one: Machine, two: Machine;
afterEach(() => site.close());

async function open(options: SiteOptions): Promise<void> {
  site = await openSite({ hosts: ['one', 'two'], ...options });
  [one, two] = site.machines as [Machine, Machine];
}
const has = (machine: Machine, path: string, content: string | undefined): Promise<unknown> =>
  until(async () => (await machine.read(path)) === content, {
    timeout: 20_000,
    what: `${machine.name} has ${String(content)} at ${path}`,
  });

describe('one string names files in two sync dirs', () => {
  const avatar = 'uploads/avatars/42.png',
    cover = 'uploads/covers/42.png';
  const plugin = {
    syncDirs: ['uploads/avatars', 'uploads/covers'],
    onDelete: 'propagate',
    rescan: false,
  } as const;
  const save = (machine: Machine) =>
    machine.app.Photo.create({ title: 'of 42', file: '42.png', thumbnail: '42.png' });

  test.each<[string, SiteOptions['plugin']]>([
    ['by any string', {}],
    ['by `paths`', { paths: ['file', 'thumbnail'] }],
  ])('%s: both are sent, reported, waited for and deleted', async (_by, more) => {
    await open({ plugin: { ...plugin, ...more, copies: 'all', copiesTimeout: 20_000 } });
    await one.write(avatar, 'avatar');
    await one.write(cover, 'cover');
    const photo = await save(one);
    expect([await two.read(avatar), await two.read(cover)]).toEqual(['avatar', 'cover']);
    const { files } = await one.app.sync.statusOf(photo);
    expect(
      files.map(({ path, heldBy }) => [
        path,
        heldBy
          .map(({ hostname }) => hostname)
          .sort()
          .join(),
      ]),
    ).toEqual([
      [avatar, 'one,two'],
      [cover, 'one,two'],
    ]);
    expect((await one.app.sync.waitFor(photo)).files.map(({ path }) => path)).toEqual([
      avatar,
      cover,
    ]);
    await untilNothingPending(site);
    await photo.deleteOne();
    await rm(one.path(cover));
    await has(two, cover, undefined);
    await rm(one.path(avatar));
    await has(two, avatar, undefined);
  });

  test('a save that asks for copies waits for a file that only another host holds, too', async () => {
    await open({ plugin });
    await one.ssh.stop({ hard: true });
    await two.write(cover, 'cover');
    await save(two);
    await until(async () => (await two.app.sync.statusOf(cover)).files[0]?.captured, {
      timeout: 20_000,
    });
    await one.write(avatar, 'avatar');
    const app = await one.startApp({ plugin: { copies: 'all', copiesTimeout: 3_000 } });
    await app.Photo.create({ title: 'of 42', file: '42.png' });
    const told = app.log.find((line) => line.includes('hold the saved files'));
    expect(told).toContain(`"${cover}": held by two; 2 wanted; not by one`);
    await one.ssh.start();
  });

  test('a file that is written after the save is sent although another one is there already', async () => {
    await open({ plugin: { ...plugin, paths: ['file'] } });
    await one.write(avatar, 'avatar');
    await one.app.Photo.create({ title: 'of 42', file: '42.png' });
    await has(two, avatar, 'avatar');
    await untilNothingPending(site);
    const photo = await one.app.Photo.findOne().orFail();
    await one.write(cover, 'cover');
    await photo.save();
    await has(two, cover, 'cover');
  });
});

describe('a file that an application unlinks stays on the other hosts', () => {
  /** A model of the same app; the site compiles it in every process. */
  function compileAlbum(sync: SyncMediaInstance, connection: Connection, syncDirs: string): void {
    const schema = new Schema({ images: [[String]] });
    schema.plugin(
      sync.plugin as never,
      { syncDirs, exclude: '*.tmp', rescan: 1, onDelete: 'propagate' } as never,
    );
    connection.model('Album', schema);
  }
  const albumsOf = (machine: Machine): Model<{ images: string[][] }> =>
    machine.app.connection.model('Album') as unknown as Model<{ images: string[][] }>;

  /** Saves a file, deletes its document and unlinks it. */
  async function saveAndDelete(name: string): Promise<void> {
    await one.write(`${dir}/${name}`, name);
    await one.app.Photo.create({ title: `photo of ${name}`, file: `${dir}/${name}` });
    await has(two, `${dir}/${name}`, name);
    await untilNothingPending(site);
    await one.app.Photo.deleteMany({ file: `${dir}/${name}` });
    await rm(one.path(`${dir}/${name}`));
  }

  test.each([
    ['of the same sync dir', dir],
    ['of an outer sync dir', 'uploads'],
  ])('while a document of another model %s names it in any form', async (_where, syncDirs) => {
    await open({
      plugin: { onDelete: 'propagate' },
      compile: (sync, connection) => {
        compileAlbum(sync, connection, syncDirs);
      },
    });
    const name = 'photo [1].jpg',
      path = `${dir}/${name}`;
    const album = await albumsOf(one).create({
      images: [['x'], [new URL(path, 'https://cdn.example.com').href]],
    });
    await saveAndDelete(name);
    // A candidate that is named is none any more.
    await until(async () => (await one.app.sync.status()).captures === 0, { timeout: 20_000 });
    expect(await two.read(path)).toBe(name);
    await album.deleteOne();
    await has(two, path, undefined);
  });

  test.each([
    ['is not synced', undefined],
    ['has another sync dir', 'uploads/docs'],
  ])('while a document of a discriminator names it whose base %s', async (_what, syncDirs) => {
    const rules = { exclude: '*.tmp', rescan: 1, onDelete: 'propagate' };
    await open({
      plugin: { onDelete: 'propagate', syncDirs: [dir, 'uploads/docs'] },
      compile: (sync, connection) => {
        const base = new Schema({ title: String }),
          shot = new Schema({ file: String });
        if (syncDirs !== undefined)
          base.plugin(sync.plugin as never, { ...rules, syncDirs } as never);
        shot.plugin(sync.plugin as never, { ...rules, syncDirs: dir } as never);
        connection.model('Item', base).discriminator('Shot', shot);
      },
    });
    const shot = await (
      one.app.connection.model('Shot') as unknown as Model<{ file: string }>
    ).create({ file: 'a.jpg' });
    await saveAndDelete('a.jpg');
    await until(async () => (await one.app.sync.status()).captures === 0, { timeout: 20_000 });
    expect(await two.read(`${dir}/a.jpg`)).toBe('a.jpg');
    await shot.deleteOne();
    await has(two, `${dir}/a.jpg`, undefined);
  });

  test('while a document names it that was saved on a host with another root', async () => {
    await open({ plugin: { onDelete: 'propagate' } });
    const photo = await two.app.Photo.create({ title: 'absolute', file: two.path(`${dir}/a.jpg`) });
    await saveAndDelete('a.jpg');
    await until(async () => (await one.app.sync.status()).captures === 0, { timeout: 20_000 });
    expect(await two.read(`${dir}/a.jpg`)).toBe('a.jpg');
    // Deleted on the host whose root it is not, it is a candidate again.
    await one.app.Photo.deleteOne({ _id: photo._id });
    await has(two, `${dir}/a.jpg`, undefined);
  });

  test('while a model may name it that only another process has, which the log says', async () => {
    await open({ plugin: { onDelete: 'propagate' }, tuning: { candidateMs: 1_500 } });
    const other = await one.startApp({ start: false });
    compileAlbum(other.sync, other.connection, 'uploads');
    await other.sync.open();
    await saveAndDelete('a.jpg');
    await until(() => one.app.log.some((line) => line.includes('stay on the other hosts')), {
      timeout: 20_000,
    });
    expect(one.app.log.find((line) => line.includes('stay on the other hosts'))).toMatch(
      /uploads\/photos\/a\.jpg.*no model Album with the sync dir uploads/,
    );
    expect(await two.read(`${dir}/a.jpg`)).toBe('a.jpg');
  });
});
