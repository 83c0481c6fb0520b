import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Backend } from '../../src/backends/backend.js';
import type { RsyncBackendOptions } from '../../src/backends/options.js';
import { SyncMediaError } from '../../src/errors/errors.js';
import { localDisk } from '../../src/root/local-disk.js';
import { writeMarker } from '../../src/root/marker.js';
import type { Change, Path, SyncDir } from '../../src/words.js';
import { changeOf, collect, differences, makeSite, never, photos, put, removalOf, results, self, type Site, type SiteOptions } from './site.js';

const dir = photos.path;
const hostileNames = [
  'with space.jpg', `quote'and"quote.jpg`, 'semi;colon.jpg', '$(touch gone).jpg', '`touch gone`.jpg', 'new\nline.jpg', '-leading-dash.jpg', '😀 emoji é.jpg',
  `${'x'.repeat(251)}.jpg`, '#hash.jpg', ';semicolon-first.jpg', 'back\\slash.jpg', '\\#101.jpg', 'we[i]rd*?.jpg', ':colon.jpg', 'host:path.jpg', ' .jpg', '~tilde.jpg', '-',
];

/** What every backend has to do. `create` gets what the composition root gives. */
export function describeBackend(name: string, create: (options: RsyncBackendOptions) => Backend): void {
  describe(name, () => {
    let site: Site;
    const there = (path: string): string => join(site.rootThere, path);
    const here = (path: string): string => join(site.here, path);
    const send = (...changes: Change[]): Promise<Record<string, string>> => results(site.backend.send(site.host, changes, never));
    const fetch = (...changes: Change[]): Promise<Record<string, string>> => results(site.backend.fetch(site.host, changes, never));

    beforeAll(async () => {
      site = await makeSite(create);
    });
    afterAll(async () => {
      await site.close();
    });
    beforeEach(async () => {
      for (const [root, id] of [[site.here, self], [site.rootThere, site.host.id]] as const) {
        await rm(join(root, 'uploads'), { recursive: true, force: true });
        await mkdir(join(root, dir), { recursive: true });
        await writeMarker(localDisk, join(root, dir), id, dir);
      }
      site.judged.length = 0;
      site.calls.length = 0;
      site.warnings.length = 0;
      site.verdicts.clear();
    });

    test('prepare says nothing of a host that can receive, twice', async () => {
      expect(await site.backend.prepare(site.host, [photos], never)).toBeUndefined();
      expect(await site.backend.prepare(site.host, [photos], never)).toBeUndefined();
    });

    test('prepare answers with a failure where the marker is missing', async () => {
      await rm(there(`${dir}/.syncmedia`), { recursive: true });
      expect(await site.backend.prepare(site.host, [photos], never)).toMatchObject({ code: 'NO_MARKER', of: 'host' });
      await expect(readdir(there(dir))).resolves.toEqual([]);
    });

    describe.each(['send', 'fetch'] as const)('%s', (direction) => {
      const carry = (...changes: Change[]): Promise<Record<string, string>> => (direction === 'send' ? send(...changes) : fetch(...changes));
      const source = (): string => (direction === 'send' ? site.here : site.rootThere);
      const receiver = (): string => (direction === 'send' ? site.rootThere : site.here);
      const at = (root: string, path: string): string => join(root, dir, path);

      test('brings every kind of name and size over, byte for byte, with its time and a mode of its own', async () => {
        const files = new Map<string, Buffer>(hostileNames.map((one) => [`${dir}/${one}`, Buffer.from(one)]));
        files.set(`${dir}/deep/er/than 😀/that.jpg`, Buffer.from('deep'));
        files.set(`${dir}/empty`, Buffer.alloc(0));
        files.set(`${dir}/bytes`, Buffer.from(Array.from({ length: 300_001 }, (_, index) => index % 256)));
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
        expect(site.judged).toEqual([]);
      });

      test('has what it replaced judged, and kept, moved or put back as told', async () => {
        const told = { conflict: 'conflicts', trash: 'trash', drop: undefined, 'put-back': undefined } as const;
        const changes: Change[] = [];
        for (const verdict of Object.keys(told) as (keyof typeof told)[]) {
          const path = `${dir}/${verdict}.jpg`;
          await put(receiver(), path, `old ${verdict}`, 1_400_000_000);
          await put(source(), path, `new ${verdict}!`, 1_500_000_000);
          changes.push(await changeOf(source(), path));
          site.verdicts.set(path as Path, verdict);
        }
        // What is put back replaces in its turn what was sent, and that is judged too.
        const outcomes = await carry(...changes);
        expect(outcomes).toMatchObject({ [`${dir}/conflict.jpg`]: 'delivered', [`${dir}/trash.jpg`]: 'delivered', [`${dir}/drop.jpg`]: 'delivered' });
        for (const verdict of ['conflict', 'trash', 'drop'] as const) expect(await readFile(at(receiver(), `${verdict}.jpg`), 'utf8')).toBe(`new ${verdict}!`);
        expect(await keptIn(receiver(), 'conflicts')).toContain('old conflict');
        expect(await keptIn(receiver(), 'trash')).toEqual(['old trash']);
        // Everyone is put back until somebody says where it ends: both are still somewhere.
        const both = [await readFile(at(receiver(), 'put-back.jpg'), 'utf8'), ...(await keptIn(receiver(), 'conflicts'))];
        expect(both).toEqual(expect.arrayContaining(['old put-back', 'new put-back!']));
        expect(new Set(site.judged.map(({ by }) => by))).toEqual(new Set(['replaced']));
        expect(await leftBehind(receiver())).toEqual([]);
      });

      test('a file of the same size and second is replaced', async () => {
        await put(receiver(), `${dir}/same.jpg`, 'one', 1_500_000_000);
        await put(source(), `${dir}/same.jpg`, 'two', 1_500_000_000);
        expect(await carry(await changeOf(source(), `${dir}/same.jpg`))).toEqual({ [`${dir}/same.jpg`]: 'delivered' });
        expect(await readFile(at(receiver(), 'same.jpg'), 'utf8')).toBe('two');
        expect(await keptIn(receiver(), 'conflicts')).toEqual(['one']);
      });

      test('a file that is gone, and one that is another by now, are told apart, and delay none', async () => {
        await put(source(), `${dir}/good.jpg`, 'good');
        const changes = [await changeOf(source(), `${dir}/good.jpg`)];
        await put(source(), `${dir}/moved.jpg`, 'at first');
        changes.push(await changeOf(source(), `${dir}/moved.jpg`));
        await put(source(), `${dir}/moved.jpg`, 'another size');
        await put(source(), `${dir}/gone.jpg`, 'gone');
        changes.push(await changeOf(source(), `${dir}/gone.jpg`));
        await rm(at(source(), 'gone.jpg'));
        expect(await carry(...changes)).toEqual({ [`${dir}/good.jpg`]: 'delivered', [`${dir}/moved.jpg`]: 'changed', [`${dir}/gone.jpg`]: 'vanished' });
        await expect(readdir(join(receiver(), dir))).resolves.toEqual(['.syncmedia', 'good.jpg']);
      });

      test.each([
        ['keep', 1_400_000_000, 'kept'], ['keep', 1_600_000_000, 'kept'], ['newer', 1_400_000_000, 'delivered'], ['newer', 1_600_000_000, 'kept'],
        ['overwrite', 1_600_000_000, 'delivered'],
      ] as const)('rule %s against a file of %i: %s', async (rule, mtime, expected) => {
        await put(receiver(), `${dir}/ruled.jpg`, 'theirs', mtime);
        await put(source(), `${dir}/ruled.jpg`, 'ours', 1_500_000_000);
        await put(source(), `${dir}/new.jpg`, 'new', 1_500_000_000);
        const outcomes = await carry(await changeOf(source(), `${dir}/ruled.jpg`, rule), await changeOf(source(), `${dir}/new.jpg`, rule));
        expect(outcomes).toEqual({ [`${dir}/ruled.jpg`]: expected, [`${dir}/new.jpg`]: 'delivered' });
        expect(await readFile(at(receiver(), 'ruled.jpg'), 'utf8')).toBe(expected === 'kept' ? 'theirs' : 'ours');
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
        expect(await carry(wayIn, link, wayOut, over, await changeOf(source(), `${dir}/good.jpg`))).toEqual({
          [wayIn.path]: 'refused: SYMLINK_IN_PATH of path', [link.path]: 'refused: NOT_A_FILE of path',
          [wayOut.path]: 'refused: SYMLINK_IN_PATH of path', [over.path]: 'refused: NOT_A_FILE of path', [`${dir}/good.jpg`]: 'delivered',
        });
        await expect(readdir(target)).resolves.toEqual([]);
        await expect(readdir(join(receiver(), dir))).resolves.toEqual(['.syncmedia', 'good.jpg', 'out', 'over.jpg']);
      });

      test('a directory in the place of a file is refused', async () => {
        await put(source(), `${dir}/name`, 'file');
        await mkdir(at(receiver(), 'name'));
        expect(await carry(await changeOf(source(), `${dir}/name`))).toEqual({ [`${dir}/name`]: 'refused: NOT_A_FILE of path' });
        expect((await stat(at(receiver(), 'name'))).isDirectory()).toBe(true);
      });

      test.each(['source', 'receiver'] as const)('a %s that is not mounted is neither read nor made', async (side) => {
        await put(source(), `${dir}/photo.jpg`, 'photo');
        const change = await changeOf(source(), `${dir}/photo.jpg`);
        const root = side === 'source' ? source() : receiver();
        await rename(join(root, 'uploads'), join(root, 'unmounted'));
        expect(await carry(change)).toEqual({ [change.path]: 'failed: NO_MARKER of host' });
        await expect(readdir(root)).resolves.toEqual(['unmounted']);
        await mkdir(join(root, dir), { recursive: true });
        expect(await carry(change)).toEqual({ [change.path]: 'failed: NO_MARKER of host' });
        await expect(readdir(join(root, dir))).resolves.toEqual([]);
        await rm(join(root, 'unmounted'), { recursive: true });
      });

      test('the marker of another host is none', async () => {
        await put(source(), `${dir}/photo.jpg`, 'photo');
        await writeMarker(localDisk, join(receiver(), dir), 'host-x', dir, { force: true });
        expect(await carry(await changeOf(source(), `${dir}/photo.jpg`))).toEqual({ [`${dir}/photo.jpg`]: 'failed: NO_MARKER of host' });
      });

      test('a sync dir that is a symlink stays one', async () => {
        for (const root of [source(), receiver()]) {
          await rename(join(root, dir), join(root, 'uploads/released'));
          await symlink('released', join(root, dir));
        }
        await put(source(), `${dir}/a/photo.jpg`, 'photo');
        expect(await carry(await changeOf(source(), `${dir}/a/photo.jpg`))).toEqual({ [`${dir}/a/photo.jpg`]: 'delivered' });
        expect(await readFile(join(receiver(), 'uploads/released/a/photo.jpg'), 'utf8')).toBe('photo');
        await expect(readdir(join(receiver(), 'uploads'), { withFileTypes: true })).resolves.toEqual(
          expect.arrayContaining([expect.objectContaining({ name: 'photos' })]),
        );
      });

      test('removals go through the judge, one path each', async () => {
        for (const one of ['old.jpg', 'unknown.jpg', 'stays.jpg']) await put(receiver(), `${dir}/${one}`, one);
        site.verdicts.set(`${dir}/old.jpg` as Path, 'trash').set(`${dir}/unknown.jpg` as Path, 'return');
        const paths = ['old.jpg', 'unknown.jpg', 'absent.jpg'].map((one) => `${dir}/${one}`);
        expect(await carry(...paths.map((path) => removalOf(path)))).toEqual({ [`${dir}/old.jpg`]: 'delivered', [`${dir}/unknown.jpg`]: 'kept', [`${dir}/absent.jpg`]: 'delivered' });
        await expect(readdir(join(receiver(), dir))).resolves.toEqual(['.syncmedia', 'stays.jpg', 'unknown.jpg']);
        expect(await keptIn(receiver(), 'trash')).toEqual(['old.jpg']);
        expect(site.judged.map(({ by }) => by)).toEqual(['removed', 'removed']);
      });

      test('after an abort everything is answered, and nothing new is started', async () => {
        const changes: Change[] = [];
        for (const one of ['a.jpg', 'b.jpg']) {
          await put(source(), `${dir}/${one}`, one);
          changes.push(await changeOf(source(), `${dir}/${one}`));
        }
        const aborted = AbortSignal.abort();
        const outcomes = direction === 'send' ? site.backend.send(site.host, changes, aborted) : site.backend.fetch(site.host, changes, aborted);
        expect(await results(outcomes)).toEqual({ [`${dir}/a.jpg`]: 'failed: CANCELLED of host', [`${dir}/b.jpg`]: 'failed: CANCELLED of host' });
        await expect(readdir(join(receiver(), dir))).resolves.toEqual(['.syncmedia']);
      });

      test('nothing to do is nothing', async () => {
        expect(await carry()).toEqual({});
        expect(site.calls).toEqual([]);
      });
    });

    describe('compare', () => {
      const compare = (by: 'time' | 'bytes' = 'time', of: SyncDir = photos): Promise<Record<string, string>> => differences(site.backend.compare(site.host, of, by, never));

      test('lists what is only here, only there, and different, with the facts of both', async () => {
        for (const root of [site.here, site.rootThere]) {
          await put(root, `${dir}/same.jpg`, 'same', 1_500_000_000);
          await put(root, `${dir}/cache/excluded.jpg`, root);
          await put(root, `${dir}/a/excluded.tmp`, root);
          await put(root, `${dir}/.syncmedia/trash/x`, root);
        }
        await put(site.here, `${dir}/a/time.jpg`, 'time', 1_500_000_000);
        await put(site.rootThere, `${dir}/a/time.jpg`, 'time', 1_500_000_001);
        await put(site.here, `${dir}/a/size.jpg`, 'size', 1_500_000_000);
        await put(site.rootThere, `${dir}/a/size.jpg`, 'size!', 1_500_000_000);
        await put(site.here, `${dir}/deep/in/here.jpg`, 'here');
        await put(site.rootThere, `${dir}/deep/in/there.jpg`, 'there');
        await symlink('/etc', here(`${dir}/link`));
        await symlink('/etc', there(`${dir}/link there`));
        expect(await compare()).toEqual({
          [`${dir}/a/time.jpg`]: 'differs', [`${dir}/a/size.jpg`]: 'differs', [`${dir}/deep/in/here.jpg`]: 'only here', [`${dir}/deep/in/there.jpg`]: 'only there',
        });
        for await (const difference of site.backend.compare(site.host, photos, 'time', never)) {
          if (!difference.path.endsWith('size.jpg')) continue;
          expect(difference).toEqual({ path: `${dir}/a/size.jpg`, here: { size: 4, mtime: 1_500_000_000 }, there: { size: 5, mtime: 1_500_000_000 } });
        }
      });

      test('tells every kind of name', async () => {
        for (const one of hostileNames) await put(site.here, `${dir}/${one}`, 'here');
        for (const one of hostileNames) await put(site.rootThere, `${dir}/there/${one}`, 'there');
        expect(await compare()).toEqual({
          ...Object.fromEntries(hostileNames.map((one) => [`${dir}/${one}`, 'only here'])),
          ...Object.fromEntries(hostileNames.map((one) => [`${dir}/there/${one}`, 'only there'])),
        });
      });

      test('by bytes finds what size and time hide, by time does not', async () => {
        await put(site.here, `${dir}/a.jpg`, 'one', 1_500_000_000);
        await put(site.rootThere, `${dir}/a.jpg`, 'two', 1_500_000_000);
        expect(await compare('time')).toEqual({});
        expect(await compare('bytes')).toEqual({ [`${dir}/a.jpg`]: 'differs' });
      });

      test('throws where a side is not mounted', async () => {
        await rm(there(`${dir}/.syncmedia`), { recursive: true });
        await expect(compare()).rejects.toMatchObject({ code: 'NO_MARKER' });
      });

      test('ends when its reader stops', async () => {
        for (let index = 0; index < 50; index++) await put(site.rootThere, `${dir}/${index}.jpg`, 'there');
        let seen = 0;
        for await (const _ of site.backend.compare(site.host, photos, 'time', never)) {
          seen++;
          break;
        }
        expect(seen).toBe(1);
        expect(Object.keys(await compare())).toHaveLength(50);
      });
    });

    describe('read', () => {
      const readAll = async (path: string): Promise<{ facts: unknown; content: Buffer }> => {
        const { facts, body } = await site.backend.read(site.host, path as Path, never);
        const parts: Uint8Array[] = [];
        for await (const bytes of body) parts.push(bytes);
        return { facts, content: Buffer.concat(parts) };
      };

      test('gives one file as it is there', async () => {
        const content = Buffer.from(Array.from({ length: 1_000_003 }, (_, index) => (index * 7) % 256));
        await put(site.rootThere, `${dir}/a b/😀.jpg`, content, 1_500_000_000);
        await put(site.rootThere, `${dir}/empty`, '', 1_500_000_000);
        const read = await readAll(`${dir}/a b/😀.jpg`);
        expect(read.facts).toEqual({ size: content.length, mtime: 1_500_000_000 });
        expect(read.content.equals(content)).toBe(true);
        expect(await readAll(`${dir}/empty`)).toEqual({ facts: { size: 0, mtime: 1_500_000_000 }, content: Buffer.alloc(0) });
      });

      test('throws where there is none, or a symlink, or no sync dir', async () => {
        await symlink('/etc', there(`${dir}/way`));
        await expect(readAll(`${dir}/absent/x.jpg`)).rejects.toMatchObject({ code: 'NOT_A_FILE' });
        await expect(readAll(`${dir}/way/hostname`)).rejects.toMatchObject({ code: 'SYMLINK_IN_PATH' });
        await expect(readAll(`${dir}/way`)).rejects.toMatchObject({ code: 'NOT_A_FILE' });
        await expect(readAll('elsewhere/x.jpg')).rejects.toMatchObject({ code: 'BAD_PATH' });
      });

      test('a body that nobody reads to its end can be dropped', async () => {
        await put(site.rootThere, `${dir}/big.jpg`, Buffer.alloc(3_000_000));
        const { body } = await site.backend.read(site.host, `${dir}/big.jpg` as Path, never);
        for await (const bytes of body) {
          expect(bytes.length).toBeGreaterThan(0);
          break;
        }
        expect((await readAll(`${dir}/big.jpg`)).content.length).toBe(3_000_000);
      });
    });
  });

  describe(`${name}: hosts that fail`, () => {
    const withSite = async (options: SiteOptions, run: (site: Site) => Promise<void>): Promise<void> => {
      const site = await makeSite(create, options);
      try {
        await run(site);
      } finally {
        await site.close();
      }
    };
    const failures = async (site: Site, expected: string): Promise<void> => {
      await put(site.here, `${dir}/photo.jpg`, 'photo');
      const change = await changeOf(site.here, `${dir}/photo.jpg`);
      const prepared = await site.backend.prepare(site.host, [photos], never);
      expect(prepared).toMatchObject({ of: 'host' });
      expect(await results(site.backend.send(site.host, [change], never))).toEqual({ [change.path]: `failed: ${prepared?.code ?? ''} of host` });
      expect(await results(site.backend.fetch(site.host, [change], never))).toEqual({ [change.path]: `failed: ${prepared?.code ?? ''} of host` });
      expect(prepared?.code).toBe(expected);
      await expect(differences(site.backend.compare(site.host, photos, 'time', never))).rejects.toBeInstanceOf(SyncMediaError);
      await expect(site.backend.read(site.host, change.path, never)).rejects.toBeInstanceOf(SyncMediaError);
    };

    test('a host that is down, and one that comes back', () => withSite({}, async (site) => {
      await site.there.stop();
      await failures(site, 'HOST_UNREACHABLE');
      await site.there.start();
      expect(await results(site.backend.send(site.host, [await changeOf(site.here, `${dir}/photo.jpg`)], never))).toEqual({ [`${dir}/photo.jpg`]: 'delivered' });
      // A connection that was open and is broken by now is found out, too.
      await site.there.stop({ hard: true });
      await site.there.start();
      await put(site.here, `${dir}/second.jpg`, 'second');
      const second = await changeOf(site.here, `${dir}/second.jpg`);
      const tried = await results(site.backend.send(site.host, [second], never));
      const again = tried[second.path] === 'delivered' ? tried : await results(site.backend.send(site.host, [second], never));
      expect(again).toEqual({ [second.path]: 'delivered' });
    }));

    test('a host that shows another host key', () => withSite({}, async (site) => {
      const other = (await readFile(join(site.options.ssh === site.ssh ? site.here : '', '../id_ed25519.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');
      site.host.hostKeys = [other];
      await failures(site, 'HOST_KEY_MISMATCH');
    }));

    test('a host that does not accept our key', () => withSite({}, async (site) => {
      await writeFile(site.there.authorizedKeysFile, '');
      await failures(site, 'AUTH_FAILED');
    }));

    test('a host without SFTP', () => withSite({ there: { sftp: false } }, async (site) => {
      await failures(site, 'NO_SFTP');
    }));

    test('a file that changes while it is sent is not delivered', () => withSite({}, async (site) => {
      await put(site.here, `${dir}/growing.jpg`, Buffer.alloc(2_000_000), 1_500_000_000);
      const change = await changeOf(site.here, `${dir}/growing.jpg`);
      const file = join(site.here, dir, 'growing.jpg');
      // The other side changes ours in the moment in which it begins to receive.
      await site.there.replaceProgram('rsync', `case "$*" in *--server*) printf x >> '${file}' ;; esac\nexec /usr/bin/rsync "$@"`);
      expect(await results(site.backend.send(site.host, [change], never))).toEqual({ [change.path]: 'changed' });
    }));

    test('an abort in the middle', () => withSite({}, async (site) => {
      await put(site.here, `${dir}/large.jpg`, Buffer.alloc(2_000_000), 1_500_000_000);
      const change = await changeOf(site.here, `${dir}/large.jpg`);
      await site.there.replaceProgram('rsync', 'case "$*" in *--server*) touch "$0.began"; exec sleep 30 ;; esac\nexec /usr/bin/rsync "$@"');
      const abort = new AbortController();
      const sending = results(site.backend.send(site.host, [change], abort.signal));
      const began = join(site.there.dir, 'replaced/rsync.began');
      for (let looks = 0; looks < 500 && !(await stat(began).then(() => true, () => false)); looks++) await new Promise((resolve) => setTimeout(resolve, 10));
      abort.abort();
      expect(await sending).toEqual({ [change.path]: 'failed: CANCELLED of host' });
      await utimes(began, 1, 1);
    }));

    test('several outcomes come as soon as they are known, each once', () => withSite({}, async (site) => {
      const changes: Change[] = [];
      for (let index = 0; index < 40; index++) {
        await put(site.here, `${dir}/${index % 4}/${index}.jpg`, String(index));
        changes.push(await changeOf(site.here, `${dir}/${index % 4}/${index}.jpg`));
      }
      const outcomes = await collect(site.backend.send(site.host, changes, never));
      expect([...outcomes.values()].filter(({ result }) => result === 'delivered')).toHaveLength(40);
      expect([...outcomes.values()].reduce((sum, { bytes }) => sum + bytes, 0)).toBe(70);
    }));
  });
}

/** What is still unfinished or not judged below `.syncmedia`. */
async function leftBehind(root: string): Promise<string[]> {
  const own = join(root, dir, '.syncmedia');
  return [...(await readdir(join(own, 'tmp'))), ...(await readdir(join(own, 'aside'))), ...(await readdir(join(own, 'partial')))];
}

/** The contents of what was kept in an area. */
async function keptIn(root: string, area: 'trash' | 'conflicts'): Promise<string[]> {
  const at = join(root, dir, '.syncmedia', area);
  const entries = await readdir(at, { recursive: true, withFileTypes: true });
  return Promise.all(entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')));
}
