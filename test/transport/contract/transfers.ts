import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeDisk } from '../../../src/replica/node-disk.js';
import { writeMarker } from '../../../src/replica/marker.js';
import type { Change } from '../../../src/model/change.js';
import type { Path } from '../../../src/model/path.js';
import { changeOf, namesIn, never, photos, put, removalOf, results, type Site } from '../site.js';
import { hostileNames } from './names.js';

const dir = photos.path;

/** What `send` and `fetch` have to do, which is the same in two directions. */
export function describeTransfers(site: () => Site): void {
  describe.each(['send', 'fetch'] as const)('%s', (direction) => {
    const carry = (...changes: Change[]): Promise<Record<string, string>> =>
      results(site().backend[direction](site().host, changes, never));
    const source = (): string => (direction === 'send' ? site().here : site().rootThere);
    const receiver = (): string => (direction === 'send' ? site().rootThere : site().here);
    const at = (root: string, path: string): string => join(root, dir, path);

    test('brings every kind of name and size over, byte for byte, with its time and a mode of its own', async () => {
      const files = new Map<string, Buffer>(
        hostileNames.map((one) => [`${dir}/${one}`, Buffer.from(one)]),
      );
      files.set(`${dir}/deep/er/than 😀/that.jpg`, Buffer.from('deep'));
      files.set(`${dir}/empty`, Buffer.alloc(0));
      files.set(
        `${dir}/bytes`,
        Buffer.from(Array.from({ length: 300_001 }, (_, index) => index % 256)),
      );
      const changes: Change[] = [];
      for (const [path, content] of files) {
        await put(source(), path, content, 1_500_000_000);
        changes.push(await changeOf(source(), path));
      }
      await chmod(join(source(), dir, 'bytes'), 0o600);
      const expected = Object.fromEntries([...files.keys()].map((path) => [path, 'delivered']));
      expect(await carry(...changes)).toEqual(expected);
      for (const [path, content] of files) {
        expect((await readFile(join(receiver(), path))).equals(content), path).toBe(true);
        expect((await stat(join(receiver(), path))).mtimeMs).toBe(1_500_000_000_000);
      }
      expect((await stat(at(receiver(), 'bytes'))).mode & 0o777).toBe(0o644);
      expect((await stat(at(receiver(), 'deep/er'))).mode & 0o777).toBe(0o755);
      expect(await leftBehind(receiver())).toEqual([]);
      expect(site().resolved).toEqual([]);
    });

    test('resolves the file it replaced, which is kept, moved or put back', async () => {
      const told = {
        conflict: 'conflicts',
        trash: 'trash',
        drop: undefined,
        'put-back': undefined,
      } as const;
      const changes: Change[] = [];
      for (const resolution of Object.keys(told) as (keyof typeof told)[]) {
        const path = `${dir}/${resolution}.jpg`;
        await put(receiver(), path, `old ${resolution}`, 1_400_000_000);
        await put(source(), path, `new ${resolution}!`, 1_500_000_000);
        changes.push(await changeOf(source(), path));
        site().resolutions.set(path as Path, resolution);
      }
      // The file put back replaces the sent one in its turn, and that is resolved too.
      const outcomes = await carry(...changes);
      expect(outcomes).toEqual({
        [`${dir}/conflict.jpg`]: 'delivered',
        [`${dir}/trash.jpg`]: 'delivered',
        [`${dir}/drop.jpg`]: 'delivered',
        [`${dir}/put-back.jpg`]: 'kept',
      });
      for (const resolution of ['conflict', 'trash', 'drop'] as const)
        expect(await readFile(at(receiver(), `${resolution}.jpg`), 'utf8')).toBe(
          `new ${resolution}!`,
        );
      expect(await keptIn(receiver(), 'conflicts')).toContain('old conflict');
      expect(await keptIn(receiver(), 'trash')).toEqual(['old trash']);
      // Everyone is put back until somebody says where it ends: both are still somewhere.
      const both = [
        await readFile(at(receiver(), 'put-back.jpg'), 'utf8'),
        ...(await keptIn(receiver(), 'conflicts')),
      ];
      expect(both).toEqual(expect.arrayContaining(['old put-back', 'new put-back!']));
      expect(new Set(site().resolved.map(({ by }) => by))).toEqual(
        new Set(['replaced', 'put-back']),
      );
      expect(await leftBehind(receiver())).toEqual([]);
    });

    test('a file of the same size and second is replaced', async () => {
      await put(receiver(), `${dir}/same.jpg`, 'one', 1_500_000_000);
      await put(source(), `${dir}/same.jpg`, 'two', 1_500_000_000);
      expect(await carry(await changeOf(source(), `${dir}/same.jpg`))).toEqual({
        [`${dir}/same.jpg`]: 'delivered',
      });
      expect(await readFile(at(receiver(), 'same.jpg'), 'utf8')).toBe('two');
      expect(await keptIn(receiver(), 'conflicts')).toEqual(['one']);
    });

    test('a file that is gone, and one that has changed, are distinguished, and delay none', async () => {
      await put(source(), `${dir}/good.jpg`, 'good');
      const changes = [await changeOf(source(), `${dir}/good.jpg`)];
      await put(source(), `${dir}/moved.jpg`, 'at first');
      changes.push(await changeOf(source(), `${dir}/moved.jpg`));
      await put(source(), `${dir}/moved.jpg`, 'another size');
      await put(source(), `${dir}/gone.jpg`, 'gone');
      changes.push(await changeOf(source(), `${dir}/gone.jpg`));
      await rm(at(source(), 'gone.jpg'));
      expect(await carry(...changes)).toEqual({
        [`${dir}/good.jpg`]: 'delivered',
        [`${dir}/moved.jpg`]: 'changed',
        [`${dir}/gone.jpg`]: 'vanished',
      });
      await expect(namesIn(join(receiver(), dir))).resolves.toEqual(['.syncmedia', 'good.jpg']);
    });

    test.each([
      ['keep', 1_400_000_000, 'kept'],
      ['keep', 1_600_000_000, 'kept'],
      ['newer', 1_400_000_000, 'delivered'],
      ['newer', 1_600_000_000, 'kept'],
      ['overwrite', 1_600_000_000, 'delivered'],
    ] as const)('rule %s against a file of %i: %s', async (rule, mtime, expected) => {
      await put(receiver(), `${dir}/ruled.jpg`, 'theirs', mtime);
      await put(source(), `${dir}/ruled.jpg`, 'ours', 1_500_000_000);
      await put(source(), `${dir}/new.jpg`, 'new', 1_500_000_000);
      const outcomes = await carry(
        await changeOf(source(), `${dir}/ruled.jpg`, rule),
        await changeOf(source(), `${dir}/new.jpg`, rule),
      );
      expect(outcomes).toEqual({ [`${dir}/ruled.jpg`]: expected, [`${dir}/new.jpg`]: 'delivered' });
      expect(await readFile(at(receiver(), 'ruled.jpg'), 'utf8')).toBe(
        expected === 'kept' ? 'theirs' : 'ours',
      );
      expect(await keptIn(receiver(), 'conflicts')).toEqual(expected === 'kept' ? [] : ['theirs']);
    });

    test('symlinks are refused on both sides, at the path and on the way', async () => {
      await put(dirname(source()), 'outside/secret.jpg', 'secret');
      const outside = join(dirname(source()), 'outside');
      await symlink(outside, at(source(), 'way'));
      await symlink(join(outside, 'secret.jpg'), at(source(), 'link.jpg'));
      const wayIn = await changeOf(source(), `${dir}/way/secret.jpg`);
      const link = await changeOf(source(), `${dir}/link.jpg`);
      const target = join(dirname(receiver()), 'target');
      await mkdir(target, { recursive: true });
      await symlink(target, at(receiver(), 'out'));
      await put(source(), `${dir}/out/file.jpg`, 'file');
      const wayOut = await changeOf(source(), `${dir}/out/file.jpg`);
      await put(source(), `${dir}/over.jpg`, 'file');
      const over = await changeOf(source(), `${dir}/over.jpg`);
      await symlink(target, at(receiver(), 'over.jpg'));
      await put(source(), `${dir}/good.jpg`, 'good');
      expect(
        await carry(wayIn, link, wayOut, over, await changeOf(source(), `${dir}/good.jpg`)),
      ).toEqual({
        [wayIn.path]: 'refused: SYMLINK_IN_PATH of path',
        [link.path]: 'refused: NOT_A_FILE of path',
        [wayOut.path]: 'refused: SYMLINK_IN_PATH of path',
        [over.path]: 'refused: NOT_A_FILE of path',
        [`${dir}/good.jpg`]: 'delivered',
      });
      await expect(namesIn(target)).resolves.toEqual([]);
      await expect(namesIn(join(receiver(), dir))).resolves.toEqual([
        '.syncmedia',
        'good.jpg',
        'out',
        'over.jpg',
      ]);
    });

    test('a directory in the place of a file is refused', async () => {
      await put(source(), `${dir}/name`, 'file');
      await mkdir(at(receiver(), 'name'));
      expect(await carry(await changeOf(source(), `${dir}/name`))).toEqual({
        [`${dir}/name`]: 'refused: NOT_A_FILE of path',
      });
      expect((await stat(at(receiver(), 'name'))).isDirectory()).toBe(true);
    });

    test.each(['source', 'receiver'] as const)(
      'a %s that is not mounted is neither read nor made',
      async (side) => {
        await put(source(), `${dir}/photo.jpg`, 'photo');
        const change = await changeOf(source(), `${dir}/photo.jpg`);
        const root = side === 'source' ? source() : receiver();
        await rename(join(root, 'uploads'), join(root, 'unmounted'));
        expect(await carry(change)).toEqual({ [change.path]: 'failed: NO_MARKER of host' });
        await expect(namesIn(root)).resolves.toEqual(['unmounted']);
        await mkdir(join(root, dir), { recursive: true });
        expect(await carry(change)).toEqual({ [change.path]: 'failed: NO_MARKER of host' });
        await expect(namesIn(join(root, dir))).resolves.toEqual([]);
        await rm(join(root, 'unmounted'), { recursive: true });
      },
    );

    test('the marker of another host is none', async () => {
      await put(source(), `${dir}/photo.jpg`, 'photo');
      await writeMarker(nodeDisk, join(receiver(), dir), 'host-x', dir, { force: true });
      expect(await carry(await changeOf(source(), `${dir}/photo.jpg`))).toEqual({
        [`${dir}/photo.jpg`]: 'failed: NO_MARKER of host',
      });
    });

    test('a sync dir that is a symlink stays one', async () => {
      for (const root of [source(), receiver()]) {
        await rename(join(root, dir), join(root, 'uploads/released'));
        await symlink('released', join(root, dir));
      }
      await put(source(), `${dir}/a/photo.jpg`, 'photo');
      expect(await carry(await changeOf(source(), `${dir}/a/photo.jpg`))).toEqual({
        [`${dir}/a/photo.jpg`]: 'delivered',
      });
      expect(await readFile(join(receiver(), 'uploads/released/a/photo.jpg'), 'utf8')).toBe(
        'photo',
      );
      expect((await lstat(join(receiver(), dir))).isSymbolicLink()).toBe(true);
    });

    test('every removed file is resolved, one path each', async () => {
      for (const one of ['old.jpg', 'unknown.jpg', 'stays.jpg'])
        await put(receiver(), `${dir}/${one}`, one);
      site()
        .resolutions.set(`${dir}/old.jpg` as Path, 'trash')
        .set(`${dir}/unknown.jpg` as Path, 'put-back-if-absent');
      const paths = ['old.jpg', 'unknown.jpg', 'absent.jpg'].map((one) => `${dir}/${one}`);
      expect(await carry(...paths.map((path) => removalOf(path)))).toEqual({
        [`${dir}/old.jpg`]: 'delivered',
        [`${dir}/unknown.jpg`]: 'kept',
        [`${dir}/absent.jpg`]: 'delivered',
      });
      await expect(namesIn(join(receiver(), dir))).resolves.toEqual([
        '.syncmedia',
        'stays.jpg',
        'unknown.jpg',
      ]);
      expect(await keptIn(receiver(), 'trash')).toEqual(['old.jpg']);
      expect(site().resolved.map(({ by }) => by)).toEqual(['removed', 'removed']);
    });

    test('after an abort everything is answered, and nothing new is started', async () => {
      const changes: Change[] = [];
      for (const one of ['a.jpg', 'b.jpg']) {
        await put(source(), `${dir}/${one}`, one);
        changes.push(await changeOf(source(), `${dir}/${one}`));
      }
      const aborted = AbortSignal.abort();
      const outcomes = site().backend[direction](site().host, changes, aborted);
      expect(await results(outcomes)).toEqual({
        [`${dir}/a.jpg`]: 'failed: CANCELLED of host',
        [`${dir}/b.jpg`]: 'failed: CANCELLED of host',
      });
      await expect(namesIn(join(receiver(), dir))).resolves.toEqual(['.syncmedia']);
    });

    test('nothing to do is nothing', async () => {
      expect(await carry()).toEqual({});
      expect(site().calls).toEqual([]);
    });
  });
}

/** Unfinished and unresolved files below `.syncmedia`. */
async function leftBehind(root: string): Promise<string[]> {
  const own = join(root, dir, '.syncmedia');
  return [
    ...(await readdir(join(own, 'tmp'))),
    ...(await readdir(join(own, 'replaced'))),
    ...(await readdir(join(own, 'partial'))),
  ];
}

/** The contents of the files in an area. */
async function keptIn(root: string, area: 'trash' | 'conflicts'): Promise<string[]> {
  const at = join(root, dir, '.syncmedia', area);
  const entries = await readdir(at, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')),
  );
}
