import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

let site: Site, one: Machine, two: Machine, three: Machine;
beforeAll(async () => {
  site = await openSite();
  [one, two, three] = threeOf(site);
});
afterAll(() => site.close());
afterEach(() => untilNothingPending(site));

/** Bytes have to go through sshd, and a rescan or a scan may have to find them first. */
const timeout = 20_000;
const onOthers = (file: string, content: string) =>
  until(async () => (await two.read(file)) === content && (await three.read(file)) === content, {
    timeout,
  });

describe('a save', () => {
  test('puts the named file on the other hosts, byte for byte', async () => {
    await one.write(`${dir}/cat.jpg`, 'meow');
    await one.app.Photo.create({ title: 'cat', file: `${dir}/cat.jpg` });
    await onOthers(`${dir}/cat.jpg`, 'meow');
  });

  test('works from any of the hosts', async () => {
    await three.write(`${dir}/from-three.jpg`, '3');
    await three.app.Photo.create({ title: 'three', file: `/${dir}/from-three.jpg` });
    await until(
      async () =>
        (await one.read(`${dir}/from-three.jpg`)) === '3' &&
        (await two.read(`${dir}/from-three.jpg`)) === '3',
      { timeout },
    );
  });

  test('is followed by a rescan, which finds the thumbnail beside the named picture', async () => {
    await one.write(`${dir}/dog.jpg`, 'woof');
    await one.write(`${dir}/thumbs/dog.jpg`, 'w');
    await one.app.Photo.create({ title: 'dog', file: `${dir}/dog.jpg` });
    await onOthers(`${dir}/thumbs/dog.jpg`, 'w');
  });

  test('replaces the file elsewhere when it has new bytes; the old ones go to the trash there', async () => {
    await one.write(`${dir}/bird.jpg`, 'old song');
    const photo = await one.app.Photo.create({ title: 'bird', file: `${dir}/bird.jpg` });
    await onOthers(`${dir}/bird.jpg`, 'old song');
    await untilNothingPending(site);
    await one.write(`${dir}/bird.jpg`, 'a new song');
    await photo.save();
    await onOthers(`${dir}/bird.jpg`, 'a new song');
    await untilNothingPending(site);
    expect(await two.listArea('trash')).toContain('bird.jpg');
    expect(await two.listArea('conflicts')).not.toContain('bird.jpg');
  });

  test('that edits a title sends nothing', async () => {
    await one.write(`${dir}/fish.jpg`, 'blub');
    const photo = await one.app.Photo.create({ title: 'fish', file: `${dir}/fish.jpg` });
    await onOthers(`${dir}/fish.jpg`, 'blub');
    await untilNothingPending(site);
    const outcomes: unknown[] = [];
    const stop = one.app.sync.on('outcome', (event) => {
      outcomes.push(event);
    });
    photo.title = 'a fish';
    await photo.save();
    await untilNothingPending(site);
    stop();
    expect(outcomes).toEqual([]);
  });

  test('that fails validation or hits a duplicate key leaves no capture, and sends nothing', async () => {
    await one.write(`${dir}/never.jpg`, 'x');
    const first = await one.app.Photo.create({ title: 'first', file: `${dir}/cat.jpg` });
    await untilNothingPending(site);
    await expect(one.app.Photo.create({ file: `${dir}/never.jpg` })).rejects.toThrow('title');
    await expect(
      one.app.Photo.create({ _id: first._id, title: 'again', file: `${dir}/never.jpg` }),
    ).rejects.toThrow('E11000');
    expect((await one.app.sync.status()).captures).toBe(0);
  });

  test('naming /etc/passwd by any way sends nothing and succeeds', async () => {
    await one.app.Photo.create({ title: 'evil', file: '../../etc/passwd' });
    await one.app.Photo.create({ title: 'evil', file: '/etc/passwd' });
    await untilNothingPending(site);
    expect(Object.keys(await two.tree()).filter((file) => !file.startsWith(`${dir}/`))).toEqual([]);
  });

  test('in a transaction that is aborted sends nothing, and its file goes with the rescan of a later save', async () => {
    await one.write(`${dir}/aborted.jpg`, 'given up');
    const session = await one.app.connection.startSession();
    await session.withTransaction(async () => {
      await one.app.Photo.create([{ title: 'aborted', file: `${dir}/aborted.jpg` }], { session });
      await session.abortTransaction();
    });
    await session.endSession();
    await untilNothingPending(site);
    // The rescan of an earlier save may have found it by now; the entry of a file that a save
    // captured names that save.
    const entry = await site.database.connection
      .collection<{ _id: string; savedBy?: unknown }>('syncmedia_ledger')
      .findOne({ _id: `${dir}/aborted.jpg` });
    expect(entry?.savedBy).toBeUndefined();
    await one.write(`${dir}/later.jpg`, 'later');
    await one.app.Photo.create({ title: 'later', file: `${dir}/later.jpg` });
    await onOthers(`${dir}/later.jpg`, 'later');
    await onOthers(`${dir}/aborted.jpg`, 'given up');
  });

  test('excluded files stay where they are', async () => {
    await one.write(`${dir}/upload.tmp`, 'x');
    await one.write(`${dir}/after.jpg`, 'x');
    await one.app.Photo.create({
      title: 'tmp',
      file: `${dir}/upload.tmp`,
      thumbnail: `${dir}/after.jpg`,
    });
    await onOthers(`${dir}/after.jpg`, 'x');
    await untilNothingPending(site);
    expect(await two.read(`${dir}/upload.tmp`)).toBeUndefined();
  });
});

test.each([
  'with spaces and \'quotes" .jpg',
  'semi;colon$(touch canary)`id`.jpg',
  'new\nline.jpg',
  '-rf.jpg',
  '--delete',
  'emoji 🐈‍⬛.jpg',
  `${'n'.repeat(251)}.jpg`,
  'back\\slash.jpg',
  '*?[x].jpg',
  '#hash %41.jpg',
  '.hidden',
  'deep/er/and deeper/x.jpg',
  '\u00e9t\u00e9.jpg',
])('the name %j arrives byte for byte', async (name) => {
  await one.write(`${dir}/${name}`, `content of ${name}`);
  await one.app.Photo.create({ title: 'name', file: `${dir}/${name}` });
  await onOthers(`${dir}/${name}`, `content of ${name}`);
});

test('a burst of ten saves arrives in at most two transfers to each host', async () => {
  await untilNothingPending(site);
  const before = (await two.ssh.rsyncCalls()).length;
  await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      await one.write(`${dir}/burst/${i}.jpg`, `burst ${i}`);
      await one.app.Photo.create({ title: `${i}`, file: `${dir}/burst/${i}.jpg` });
    }),
  );
  await untilNothingPending(site);
  for (let i = 0; i < 10; i++) expect(await two.read(`${dir}/burst/${i}.jpg`)).toBe(`burst ${i}`);
  expect((await two.ssh.rsyncCalls()).length - before).toBeLessThanOrEqual(2);
});

test('a thousand saves end with nothing pending and equal trees', async () => {
  for (let i = 0; i < 1_000; i += 50) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, j) => {
        const file = `${dir}/many/${i % 7}/${i + j}.jpg`;
        await one.write(file, `number ${i + j}`);
        await one.app.Photo.create({ title: `${i + j}`, file });
      }),
    );
  }
  await untilNothingPending(site, 60_000);
  const {
    'uploads/photos/upload.tmp': _excluded,
    'uploads/photos/never.jpg': _rescanned,
    ...tree
  } = await one.tree();
  expect(Object.keys(tree).length).toBeGreaterThan(1_000);
  expect(await two.tree()).toMatchObject(tree);
  expect(await three.tree()).toMatchObject(tree);
}, 120_000);
