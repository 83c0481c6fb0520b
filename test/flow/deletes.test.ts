import { rename, rm, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

let site: Site, one: Machine, two: Machine, three: Machine;
/** One site for all tests: each has files of its own. */
beforeAll(async () => {
  site = await openSite({ plugin: { onDelete: 'propagate' } });
  [one, two, three] = threeOf(site);
});
afterAll(() => site.close());

async function save(machine: Machine, name: string, content = name): Promise<void> {
  await machine.write(`${dir}/${name}`, content);
  // A title that were the file's name would name the file.
  await machine.app.Photo.create({ title: `photo of ${name}`, file: `${dir}/${name}` });
}
/** As apps do: the record first, the file after it. */
async function remove(machine: Machine, name: string): Promise<void> {
  await machine.app.Photo.findOneAndDelete({ file: `${dir}/${name}` });
  await rm(machine.path(`${dir}/${name}`));
}
const has = (machine: Machine, name: string, content: string | undefined): Promise<unknown> =>
  until(async () => (await machine.read(`${dir}/${name}`)) === content, {
    timeout: 15_000,
    what: `${machine.name} has ${String(content)} at ${name}`,
  });
async function everywhere(name: string, content: string | undefined): Promise<void> {
  for (const machine of [one, two, three]) await has(machine, name, content);
}

test('a deleted record takes its file along, into the trash of the others; empty directories go', async () => {
  await save(one, 'album/a.jpg');
  await save(one, 'b.jpg');
  await everywhere('album/a.jpg', 'album/a.jpg');
  await untilNothingPending(site);
  await remove(one, 'album/a.jpg');
  await everywhere('album/a.jpg', undefined);
  await until(async () => (await two.listArea('trash')).includes('a.jpg'), { timeout: 15_000 });
  await until(async () => !Object.keys(await two.tree()).some((path) => path.includes('album')));
  await until(
    () =>
      stat(two.path(`${dir}/album`)).then(
        () => false,
        () => true,
      ),
    { timeout: 15_000 },
  );
  expect(await two.read(`${dir}/b.jpg`)).toBe('b.jpg');
});

test('a file that another document still names stays everywhere', async () => {
  await save(one, 'shared.jpg');
  await one.app.Photo.create({ title: 'the same', file: `/${dir}/shared.jpg` });
  await everywhere('shared.jpg', 'shared.jpg');
  await untilNothingPending(site);
  await one.app.Photo.findOneAndDelete({ title: 'photo of shared.jpg' });
  await rm(one.path(`${dir}/shared.jpg`));
  // It is no candidate any more once it was looked at: the capture is gone, and nothing was
  // removed.
  await until(async () => (await one.app.sync.status()).captures === 0, { timeout: 15_000 });
  expect(await two.read(`${dir}/shared.jpg`)).toBe('shared.jpg');
});

test('a replaced file goes like a deleted one', async () => {
  await save(one, 'before.jpg');
  await everywhere('before.jpg', 'before.jpg');
  await untilNothingPending(site);
  const photo = await one.app.Photo.findOne({ file: `${dir}/before.jpg` }).orFail();
  await one.write(`${dir}/after.jpg`, 'after');
  photo.file = `${dir}/after.jpg`;
  await photo.save();
  await rm(one.path(`${dir}/before.jpg`));
  await everywhere('before.jpg', undefined);
  await everywhere('after.jpg', 'after');
});

describe('a host that was off while files were deleted', () => {
  test('brings none of them back by push, pull, rescan or a verification that repairs, on any host', async () => {
    await save(one, 'gone.jpg');
    await save(one, 'stays.jpg');
    await everywhere('gone.jpg', 'gone.jpg');
    await untilNothingPending(site);
    await three.app.close();
    await three.ssh.stop({ hard: true });
    await remove(one, 'gone.jpg');
    await has(two, 'gone.jpg', undefined);
    await three.ssh.start();
    const back = (three.app = await three.startApp());
    for (const { sync } of [back, two.app, one.app]) {
      for (const run of [await sync.push(), await sync.pull(), await sync.verify({ repair: true })])
        await sync.runs.follow(run.id);
    }
    await back.Photo.create({ title: 'another', file: `${dir}/stays.jpg` });
    await everywhere('gone.jpg', undefined);
    await everywhere('stays.jpg', 'stays.jpg');
    await untilNothingPending(site);
    const tree = await one.tree();
    expect(tree).toHaveProperty([`${dir}/stays.jpg`]);
    expect(tree).not.toHaveProperty([`${dir}/gone.jpg`]);
    for (const machine of [two, three]) expect(await machine.tree()).toEqual(tree);
  });

  test('keeps a file that its app uploaded under the name meanwhile, and that file wins everywhere', async () => {
    await save(one, 'again.jpg', 'old');
    await everywhere('again.jpg', 'old');
    await untilNothingPending(site);
    await three.app.close();
    await three.ssh.stop({ hard: true });
    await remove(one, 'again.jpg');
    await has(two, 'again.jpg', undefined);
    await three.write(`${dir}/again.jpg`, 'uploaded while away');
    await three.ssh.start();
    const back = (three.app = await three.startApp());
    await back.Photo.create({ title: 'again', file: `${dir}/again.jpg` });
    await everywhere('again.jpg', 'uploaded while away');
  });
});

test('a newer file saved under the same name wins over the tombstone', async () => {
  await save(one, 'phoenix.jpg', 'first');
  await everywhere('phoenix.jpg', 'first');
  await untilNothingPending(site);
  await remove(one, 'phoenix.jpg');
  await has(two, 'phoenix.jpg', undefined);
  await save(two, 'phoenix.jpg', 'second life');
  await everywhere('phoenix.jpg', 'second life');
});

test('files in the trash can be restored, on every host', async () => {
  await save(one, 'back.jpg', 'precious');
  await everywhere('back.jpg', 'precious');
  await untilNothingPending(site);
  await remove(one, 'back.jpg');
  await everywhere('back.jpg', undefined);
  const isIt = ({ path }: { path: string }): boolean => path === `${dir}/back.jpg`;
  const kept = await until(async () => (await two.app.sync.recoverable.list('trash')).find(isIt), {
    timeout: 15_000,
  });
  await two.app.sync.recoverable.restore(kept.dir, kept.keptAs);
  await everywhere('back.jpg', 'precious');
  await expect(
    two.app.sync.recoverable.restore(dir, '.syncmedia/trash/../../../x'),
  ).rejects.toMatchObject({ code: 'BAD_PATH' });
});

test('sync.remove deletes a file that no document ever named', async () => {
  await one.write(`${dir}/loose.jpg`, 'x');
  await one.app.sync.capture([`${dir}/loose.jpg`]);
  await everywhere('loose.jpg', 'x');
  await untilNothingPending(site);
  await one.app.sync.remove([`${dir}/loose.jpg`]);
  await rm(one.path(`${dir}/loose.jpg`));
  await everywhere('loose.jpg', undefined);
});

// The last one: its removals count for the guard of all later ones.
test('very many removals at once wait for a person, who approves or rejects them', async () => {
  for (let i = 0; i < 30; i++) await save(one, `many/${i}.jpg`);
  await everywhere('many/29.jpg', 'many/29.jpg');
  await untilNothingPending(site);
  const deleteAll = async (): Promise<void> => {
    // All at once and first: a look at some of them would count less than 30.
    await rename(one.path(`${dir}/many`), one.path('gone'));
    await one.app.Photo.deleteMany({ file: /many/ });
    await rm(one.path('gone'), { recursive: true });
  };
  await deleteAll();
  await until(async () => (await one.app.sync.removals.list()).length === 1, { timeout: 15_000 });
  expect(await two.read(`${dir}/many/0.jpg`)).toBe('many/0.jpg');
  const [waiting] = await two.app.sync.removals.list();
  expect(waiting).toMatchObject({ dir, count: 30, since: expect.any(Date) as unknown });
  expect(waiting?.paths).toEqual(
    Array.from({ length: 30 }, (_, i) => `${dir}/many/${i}.jpg`).sort(),
  );
  expect(waiting?.share).toBeGreaterThan(0.25);
  await expect(two.app.sync.removals.decide(dir, 'approved', undefined, 29)).rejects.toMatchObject({
    code: 'CHANGED',
  });
  // Fresh files go on.
  await save(one, 'fresh.jpg');
  await everywhere('fresh.jpg', 'fresh.jpg');
  await two.app.sync.removals.decide(dir, 'approved', 'one', 30);
  await everywhere('many/0.jpg', undefined);
  await everywhere('many/29.jpg', undefined);
  const isOne = (name: string): boolean => /^\d+\.jpg$/.test(name);
  await until(async () => (await two.listArea('trash')).filter(isOne).length === 30, {
    timeout: 15_000,
  });
}, 60_000);
