import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { until } from '../harness/wait.js';

// From the operation to the other host's disk, with real parts; what each operation is captured
// with, operations.test.ts says.
describe('files that operations other than a save name arrive', () => {
  let site: Site;
  let here: Machine, there: Machine;
  beforeAll(async () => {
    site = await openSite({ hosts: ['one', 'two'], plugin: { rescan: false } });
    [here, there] = site.machines as [Machine, Machine];
  }, 60_000);
  afterAll(() => site.close());

  const arrives = (name: string) =>
    until(async () => (await there.read(`${dir}/${name}`)) === name, {
      timeout: 15_000,
      what: `${name} on the other host`,
    });
  const write = (name: string) => here.write(`${dir}/${name}`, name);

  test.each<[string, (photos: Machine['app']['Photo'], name: string) => Promise<unknown>]>([
    ['updateOne', (photos, file) => photos.updateOne({ title: 'x' }, { file }, { upsert: true })],
    ['findOneAndUpdate', (photos, file) => photos.findOneAndUpdate({ title: 'x' }, { file })],
    [
      'insertMany',
      (photos, file) => photos.insertMany([{ title: 'y', file }], { rawResult: true }),
    ],
    [
      'bulkWrite',
      (photos, file) => photos.bulkWrite([{ updateMany: { filter: {}, update: { file } } }]),
    ],
  ])('%s', async (operation, run) => {
    const name = `${operation}.jpg`;
    await write(name);
    await run(here.app.Photo, name);
    await arrives(name);
  });

  test('sync.capture, also under a session', async () => {
    for (const name of ['alone.jpg', 'in-session.jpg']) await write(name);
    await here.app.sync.capture([`${dir}/alone.jpg`]);
    const session = await here.app.connection.startSession();
    await here.app.sync.capture([here.path(`${dir}/in-session.jpg`)], { session });
    await session.endSession();
    await arrives('alone.jpg');
    await arrives('in-session.jpg');
  });

  test('sync.capture and sync.remove refuse paths outside the sync dirs', async () => {
    for (const ask of ['capture', 'remove'] as const) {
      await expect(here.app.sync[ask](['elsewhere/a.jpg'])).rejects.toMatchObject({
        code: 'BAD_PATH',
      });
      await expect(here.app.sync[ask]([`${dir}/../../etc/passwd`])).rejects.toMatchObject({
        code: 'BAD_PATH',
      });
    }
  });

  test('sync.remove of an absent file changes nothing, and leaves nothing in the outbox', async () => {
    await here.app.sync.remove([`${dir}/never-was.jpg`]);
    await until(async () => (await here.app.sync.status()).captures === 0, {
      what: 'an empty outbox',
    });
    expect(await there.read(`${dir}/never-was.jpg`)).toBeUndefined();
    expect(await there.read(`${dir}/updateOne.jpg`)).toBe('updateOne.jpg');
  });
});
