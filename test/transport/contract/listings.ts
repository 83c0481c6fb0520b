import { createHash } from 'node:crypto';
import { open, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { newName } from '../../../src/replica/areas.js';
import type { Path } from '../../../src/model/path.js';
import type { SyncDir } from '../../../src/model/sync-dir.js';
import { differences, never, photos, put, type Site } from '../site.js';
import { hostileNames } from './names.js';

const dir = photos.path;

/** What `compare`, `read` and `fetchCopy` have to do. */
export function describeListings(site: () => Site): void {
  const there = (path: string): string => join(site().rootThere, path);
  const here = (path: string): string => join(site().here, path);

  describe('compare', () => {
    const compare = (
      by: 'time' | 'bytes' = 'time',
      of: SyncDir = photos,
    ): Promise<Record<string, string>> =>
      differences(site().backend.compare(site().host, of, by, never));

    test('lists files that are only here, only there, and different, with the info of both', async () => {
      for (const root of [site().here, site().rootThere]) {
        await put(root, `${dir}/same.jpg`, 'same', 1_500_000_000);
        await put(root, `${dir}/cache/excluded.jpg`, root);
        await put(root, `${dir}/a/excluded.tmp`, root);
        await put(root, `${dir}/.syncmedia/trash/x`, root);
      }
      await put(site().here, `${dir}/a/time.jpg`, 'time', 1_500_000_000);
      await put(site().rootThere, `${dir}/a/time.jpg`, 'time', 1_500_000_001);
      await put(site().here, `${dir}/a/size.jpg`, 'size', 1_500_000_000);
      await put(site().rootThere, `${dir}/a/size.jpg`, 'size!', 1_500_000_000);
      await put(site().here, `${dir}/deep/in/here.jpg`, 'here');
      await put(site().rootThere, `${dir}/deep/in/there.jpg`, 'there');
      await symlink('/etc', here(`${dir}/link`));
      await symlink('/etc', there(`${dir}/link there`));
      expect(await compare()).toEqual({
        [`${dir}/a/time.jpg`]: 'differs',
        [`${dir}/a/size.jpg`]: 'differs',
        [`${dir}/deep/in/here.jpg`]: 'only here',
        [`${dir}/deep/in/there.jpg`]: 'only there',
      });
      for await (const difference of site().backend.compare(site().host, photos, 'time', never)) {
        if (!difference.path.endsWith('size.jpg')) continue;
        expect(difference).toEqual({
          path: `${dir}/a/size.jpg`,
          here: { size: 4, mtime: 1_500_000_000 },
          there: { size: 5, mtime: 1_500_000_000 },
        });
      }
    });

    test('leaves out files that only this host has, on request', async () => {
      await put(site().here, `${dir}/here.jpg`, 'here');
      await put(site().here, `${dir}/both.jpg`, 'one', 1_500_000_000);
      await put(site().rootThere, `${dir}/both.jpg`, 'two', 1_500_000_001);
      await put(site().rootThere, `${dir}/there.jpg`, 'there');
      expect(
        await differences(site().backend.compare(site().host, photos, 'time', never, 'other')),
      ).toEqual({ [`${dir}/both.jpg`]: 'differs', [`${dir}/there.jpg`]: 'only there' });
      expect(await compare()).toEqual({
        [`${dir}/both.jpg`]: 'differs',
        [`${dir}/there.jpg`]: 'only there',
        [`${dir}/here.jpg`]: 'only here',
      });
    });

    test('lists every kind of name', async () => {
      for (const one of hostileNames) await put(site().here, `${dir}/${one}`, 'here');
      for (const one of hostileNames) await put(site().rootThere, `${dir}/there/${one}`, 'there');
      expect(await compare()).toEqual({
        ...Object.fromEntries(hostileNames.map((one) => [`${dir}/${one}`, 'only here'])),
        ...Object.fromEntries(hostileNames.map((one) => [`${dir}/there/${one}`, 'only there'])),
      });
    });

    test('by bytes finds differences that size and time hide, by time does not', async () => {
      await put(site().here, `${dir}/a.jpg`, 'one', 1_500_000_000);
      await put(site().rootThere, `${dir}/a.jpg`, 'two', 1_500_000_000);
      expect(await compare('time')).toEqual({});
      expect(await compare('bytes')).toEqual({ [`${dir}/a.jpg`]: 'differs' });
    });

    test('throws where a side is not mounted', async () => {
      await rm(there(`${dir}/.syncmedia`), { recursive: true });
      await expect(compare()).rejects.toMatchObject({ code: 'NO_MARKER' });
    });

    test('ends when its reader stops', async () => {
      for (let index = 0; index < 50; index++)
        await put(site().rootThere, `${dir}/${index}.jpg`, 'there');
      let seen = 0;
      for await (const { path } of site().backend.compare(site().host, photos, 'time', never)) {
        if (path !== '') seen++;
        break;
      }
      expect(seen).toBe(1);
      expect(Object.keys(await compare())).toHaveLength(50);
    });
  });

  describe('read', () => {
    const readAll = async (path: string): Promise<{ info: unknown; content: Buffer }> => {
      const { info: facts, body } = await site().backend.read(site().host, path as Path, never);
      const parts: Uint8Array[] = [];
      for await (const bytes of body) parts.push(bytes);
      return { info: facts, content: Buffer.concat(parts) };
    };

    test('gives one file as it is there', async () => {
      const content = Buffer.from(
        Array.from({ length: 1_000_003 }, (_, index) => (index * 7) % 256),
      );
      await put(site().rootThere, `${dir}/a b/😀.jpg`, content, 1_500_000_000);
      await put(site().rootThere, `${dir}/empty`, '', 1_500_000_000);
      const read = await readAll(`${dir}/a b/😀.jpg`);
      expect(read.info).toEqual({ size: content.length, mtime: 1_500_000_000 });
      expect(read.content.equals(content)).toBe(true);
      expect(await readAll(`${dir}/empty`)).toEqual({
        info: { size: 0, mtime: 1_500_000_000 },
        content: Buffer.alloc(0),
      });
    });

    test('throws where there is none, or a symlink, or no sync dir', async () => {
      await symlink('/etc', there(`${dir}/way`));
      await expect(readAll(`${dir}/absent/x.jpg`)).rejects.toMatchObject({ code: 'NOT_A_FILE' });
      await expect(readAll(`${dir}/way/hostname`)).rejects.toMatchObject({
        code: 'SYMLINK_IN_PATH',
      });
      await expect(readAll(`${dir}/way`)).rejects.toMatchObject({ code: 'NOT_A_FILE' });
      await expect(readAll('elsewhere/x.jpg')).rejects.toMatchObject({ code: 'BAD_PATH' });
    });

    test('throws NO_MARKER if the absence of files proves nothing', async () => {
      await put(site().rootThere, `${dir}/here.jpg`, 'here');
      await rename(there(`${dir}/.syncmedia/id`), there('kept'));
      await expect(readAll(`${dir}/absent.jpg`)).rejects.toMatchObject({ code: 'NO_MARKER' });
      await rename(there('kept'), there(`${dir}/.syncmedia/id`));
      await expect(readAll(`${dir}/absent.jpg`)).rejects.toMatchObject({ code: 'NOT_A_FILE' });
    });

    test('a body whose reader stops early can be dropped', async () => {
      await put(site().rootThere, `${dir}/big.jpg`, Buffer.alloc(3_000_000));
      const { body } = await site().backend.read(site().host, `${dir}/big.jpg` as Path, never);
      for await (const bytes of body) {
        expect(bytes.length).toBeGreaterThan(0);
        break;
      }
      expect((await readAll(`${dir}/big.jpg`)).content.length).toBe(3_000_000);
    });
  });

  describe('fetchCopy', () => {
    const fetchCopy = async (
      info: { size: number; mtime: number; sha256?: string },
      since = new Date(0),
    ): Promise<string | undefined> => {
      const file = await open(here('fetched'), 'w+');
      try {
        const wanted = { path: `${dir}/a.jpg` as Path, info, since };
        return (await site().backend.fetchCopy(site().host, wanted, file, never))
          ? await readFile(here('fetched'), 'utf8')
          : undefined;
      } finally {
        await file.close();
      }
    };
    const describeContent = (text: string): { size: number; mtime: number; sha256: string } => ({
      size: text.length,
      mtime: 1_500_000_000,
      sha256: createHash('sha256').update(text).digest('hex'),
    });

    test('finds the bytes of a version at its path, or among replaced files, whatever their date', async () => {
      const replaced = newName();
      await put(site().rootThere, `${dir}/a.jpg`, 'current');
      await put(site().rootThere, `${dir}/.syncmedia/trash/${replaced}/a.jpg`, 'earlier');
      await put(site().rootThere, `${dir}/.syncmedia/trash/${newName()}/b.jpg`, 'another');
      await put(site().rootThere, `${dir}/.syncmedia/conflicts/${newName()}/a.jpg`, 'losing ');
      for (const text of ['current', 'earlier', 'losing '])
        expect(await fetchCopy(describeContent(text))).toBe(text);
      expect(await fetchCopy(describeContent('another'))).toBe(undefined);
      expect(await fetchCopy(describeContent('earlier'), new Date(Date.now() + 60_000))).toBe(
        undefined,
      );
    });

    test('takes a file by its date where no hash is known, and never through a symlink', async () => {
      await put(site().rootThere, `${dir}/a.jpg`, 'undated', 1_500_000_000);
      expect(await fetchCopy({ size: 7, mtime: 1_500_000_000 })).toBe('undated');
      expect(await fetchCopy({ size: 7, mtime: 1_500_000_001 })).toBe(undefined);
      await rename(there(`${dir}/a.jpg`), there('outside.jpg'));
      await symlink(there('outside.jpg'), there(`${dir}/a.jpg`));
      expect(await fetchCopy(describeContent('undated'))).toBe(undefined);
    });

    test('throws NO_MARKER if the absence of files proves nothing', async () => {
      await rename(there(`${dir}/.syncmedia/id`), there('kept'));
      await expect(fetchCopy(describeContent('x'))).rejects.toMatchObject({ code: 'NO_MARKER' });
    });
  });
}
