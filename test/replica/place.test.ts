import { execFile } from 'node:child_process';
import {
  chmod,
  chown,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SyncMediaError } from '../../src/model/errors.js';
import type { Disk, ReplacedFileResolver } from '../../src/replica/disk.js';
import { areas, newName, prepareAreas } from '../../src/replica/areas.js';
import { placeFile, removeFile } from '../../src/replica/place.js';
import { makeParentDirs } from '../../src/replica/parents.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { isRoot } from './other-user.js';
import { resolveBy, makeReplica, path, type Replica } from './replica.js';

const run = promisify(execFile);
let replica: Replica;
let at: (rest: string) => string;
beforeEach(async () => {
  replica = await makeReplica();
  at = (rest) => `${replica.place.dirPath}/${rest}`;
});
afterEach(() => replica.remove());

const failure = (code: string): unknown => expect.objectContaining({ code });
const neverAsked: ReplacedFileResolver = () => Promise.reject(new Error('nothing was replaced'));
const leftInAreas = async (): Promise<string[]> =>
  (await Promise.all([areas.replaced, areas.tmp].map((area) => readdir(at(area))))).flat();

describe('newName', () => {
  test('sorts by time, and no two are the same', () => {
    const names = Array.from({ length: 1000 }, () => newName());
    expect(new Set(names).size).toBe(1000);
    expect(names.map((name) => name.slice(0, 9))).toEqual(
      names.map((name) => name.slice(0, 9)).sort(),
    );
    expect(names.every((name) => /^[0-9a-z]+-[0-9a-f]+$/.test(name))).toBe(true);
  });
});

describe('prepareAreas', () => {
  test('again is fine; a missing sync dir is not made', async () => {
    await prepareAreas(replica.place);
    await expect(prepareAreas({ ...replica.place, dirPath: at('missing') })).rejects.toThrow(
      failure('NO_MARKER'),
    );
    expect(await nodeDisk.stat(at('missing'))).toBeUndefined();
  });
});

describe('makeParentDirs', () => {
  test('makes missing directories, 0755, and examines each directory of a batch once', async () => {
    const looked: string[] = [];
    const disk: Disk = {
      ...nodeDisk,
      stat: (name) => {
        looked.push(name);
        return nodeDisk.stat(name);
      },
    };
    const known = new Set<string>();
    await makeParentDirs(replica.on(disk), path('x/y/a'), known);
    expect((await stat(at('x/y'))).mode & 0o777).toBe(0o755);
    await makeParentDirs(replica.on(disk), path('x/y/b'), known);
    await makeParentDirs(replica.on(disk), path('x/z/b'), known);
    expect(looked).toEqual([at('x'), at('x/y'), at('x/z')]);
  });

  test('refuses a symlink or a file on the way, and a path of another sync dir', async () => {
    await mkdir(at('real'));
    await symlink('real', at('link'));
    await replica.put('file', '');
    await expect(makeParentDirs(replica.place, path('link/a'))).rejects.toThrow(
      failure('SYMLINK_IN_PATH'),
    );
    await expect(makeParentDirs(replica.place, path('link/new/a'))).rejects.toThrow(
      failure('SYMLINK_IN_PATH'),
    );
    await expect(makeParentDirs(replica.place, path('file/a'))).rejects.toThrow(
      failure('NOT_A_FILE'),
    );
    await expect(
      makeParentDirs({ ...replica.place, dir: path('photos') }, path('a')),
    ).rejects.toThrow(failure('BAD_PATH'));
    expect(await readdir(at('real'))).toEqual([]);
  });
});

describe('placeFile', () => {
  test('a new file, in directories that are missing', async () => {
    expect(
      await placeFile(replica.place, path('x/y/a.jpg'), await replica.receive('new'), neverAsked),
    ).toEqual([]);
    expect(await replica.files()).toEqual({ 'x/y/a.jpg': 'new' });
    expect(await leftInAreas()).toEqual([]);
  });

  test.each([
    ['trash', { '.syncmedia/trash/*/x/a.jpg': 'before', 'x/a.jpg': 'new' }],
    ['conflict', { '.syncmedia/conflicts/*/x/a.jpg': 'before', 'x/a.jpg': 'new' }],
    ['drop', { 'x/a.jpg': 'new' }],
    // The path is not empty, so nothing is returned to it.
    ['put-back-if-absent', { '.syncmedia/conflicts/*/x/a.jpg': 'before', 'x/a.jpg': 'new' }],
    // The file just placed is replaced in turn, and resolved.
    ['put-back', { '.syncmedia/conflicts/*/x/a.jpg': 'new', 'x/a.jpg': 'before' }],
  ] as const)(
    'replaces a file, and the replaced file is resolved: %s',
    async (resolution, files) => {
      await replica.put('x/a.jpg', 'before');
      const asked: unknown[] = [];
      const resolver: ReplacedFileResolver = async (about, found, by, hash) => {
        asked.push([about, found.size, by]);
        return resolveBy({ before: resolution, new: 'conflict' })(about, found, by, hash);
      };
      const resolved = await placeFile(
        replica.place,
        path('x/a.jpg'),
        await replica.receive('new'),
        resolver,
      );
      expect(await replica.files()).toEqual(files);
      expect(asked[0]).toEqual([path('x/a.jpg'), 6, 'replaced']);
      expect(resolved[0]).toMatchObject({
        path: path('x/a.jpg'),
        resolution: resolution === 'put-back-if-absent' ? 'conflict' : resolution,
        info: { size: 6 },
      });
      for (const { keptAs } of resolved)
        if (keptAs !== undefined) expect((await stat(at(keptAs))).isFile()).toBe(true);
      expect(await leftInAreas()).toEqual([]);
    },
  );

  test('a resolver that would put back for ever ends with a conflict', async () => {
    await replica.put('a', 'before');
    await placeFile(
      replica.place,
      path('a'),
      await replica.receive('new'),
      resolveBy({ before: 'put-back', new: 'put-back' }),
    );
    expect(await replica.contents()).toEqual(['before', 'new']);
    expect(Object.keys(await replica.files())).toEqual(['.syncmedia/conflicts/*/a', 'a']);
    expect(await leftInAreas()).toEqual([]);
  });

  test('another name of the same file at the path stays once', async () => {
    await replica.put('a', 'same');
    const tmp = `${areas.tmp}/${newName()}`;
    await link(at('a'), at(tmp));
    await placeFile(replica.place, path('a'), at(tmp), resolveBy({ same: 'put-back' }));
    expect(await readFile(at('a'), 'utf8')).toBe('same');
    expect(await readdir(at(areas.replaced))).toEqual([]);
  });

  test('odd and very long names', async () => {
    for (const name of [
      ' ',
      '-rf',
      'a\nb',
      '"\'`$(x);',
      '🐢',
      'é'.repeat(127),
      `${'d'.repeat(250)}/${'f'.repeat(255)}`,
    ]) {
      await replica.put(name, 'before');
      await placeFile(
        replica.place,
        path(name),
        await replica.receive('new'),
        resolveBy({ before: 'trash' }),
      );
      expect(await readFile(at(name), 'utf8')).toBe('new');
      expect((await replica.files())[`.syncmedia/trash/*/${name}`]).toBe('before');
    }
  });

  test('refuses to replace anything but a regular file, and leaves it as it was', async () => {
    await mkdir(at('directory'));
    await symlink('directory', at('link'));
    await run('mkfifo', ['--', at('fifo')]);
    for (const name of ['directory', 'link', 'fifo']) {
      const before = await nodeDisk.stat(at(name));
      await expect(
        placeFile(replica.place, path(name), await replica.receive('new'), neverAsked),
      ).rejects.toThrow(failure('NOT_A_FILE'));
      if (name !== 'directory')
        await expect(removeFile(replica.place, path(name), neverAsked)).rejects.toThrow(
          failure('NOT_A_FILE'),
        );
      expect(await nodeDisk.stat(at(name))).toEqual(before);
    }
    await expect(
      placeFile(replica.place, path('link/a'), await replica.receive('new'), neverAsked),
    ).rejects.toThrow(failure('SYMLINK_IN_PATH'));
    expect(await readdir(at(areas.replaced))).toEqual([]);
  });

  test('a symlink swapped in at the last moment is kept as a conflict, not followed', async () => {
    await replica.put('a', 'before');
    await replica.put('secret', 'secret');
    const disk: Disk = {
      ...nodeDisk,
      link: async (from, to) => {
        if (from === at('a')) {
          await rm(from);
          await symlink('secret', from);
        }
        return nodeDisk.link(from, to);
      },
    };
    await placeFile(replica.on(disk), path('a'), await replica.receive('new'), neverAsked);
    const [kept] = await readdir(at(areas.conflicts));
    expect((await nodeDisk.stat(at(`${areas.conflicts}/${kept ?? ''}/a`)))?.kind).toBe('symlink');
    expect(await readFile(at('a'), 'utf8')).toBe('new');
    expect(await readFile(at('secret'), 'utf8')).toBe('secret');
  });

  test('a received file that is gone replaces nothing and leaves no replaced file', async () => {
    await replica.put('a', 'before');
    await expect(
      placeFile(replica.place, path('a'), at(`${areas.tmp}/gone`), neverAsked),
    ).rejects.toThrow(failure('TRANSFER_FAILED'));
    await expect(
      placeFile(replica.place, path('b'), at(`${areas.tmp}/gone`), neverAsked),
    ).rejects.toThrow(failure('TRANSFER_FAILED'));
    expect(await replica.files()).toEqual({ a: 'before' });
    expect(await readdir(at(areas.replaced))).toEqual([]);
  });

  test('a rename whose answer was lost and which then finds the file gone destroys nothing', async () => {
    await replica.put('a', 'before');
    const disk: Disk = {
      ...nodeDisk,
      replace: async (...given) => {
        await nodeDisk.replace(...given);
        return nodeDisk.replace(...given);
      },
    };
    await expect(
      placeFile(replica.on(disk), path('a'), await replica.receive('new'), neverAsked),
    ).rejects.toThrow(failure('TRANSFER_FAILED'));
    expect(await replica.files()).toEqual({ '.syncmedia/replaced/*/a': 'before', a: 'new' });
  });

  test('if linking fails nothing is renamed; an empty path gets its file all the same', async () => {
    await replica.put('a', 'before');
    const disk: Disk = {
      ...nodeDisk,
      link: (from) => Promise.reject(new SyncMediaError('LINK_FAILED', `no links here: ${from}`)),
    };
    await expect(
      placeFile(replica.on(disk), path('a'), await replica.receive('new'), neverAsked),
    ).rejects.toThrow(failure('LINK_FAILED'));
    expect(await replica.files()).toEqual({ '.syncmedia/tmp/*': 'new', a: 'before' });
    expect(
      await placeFile(replica.on(disk), path('b'), await replica.receive('new b'), neverAsked),
    ).toEqual([]);
    expect(await replica.files()).toEqual({ '.syncmedia/tmp/*': 'new', a: 'before', b: 'new b' });
    expect(await readdir(at(areas.replaced))).toEqual([]);
  });

  test.runIf(isRoot)(
    'another user’s file that the kernel lets nobody link is not replaced',
    async ({ skip }) => {
      if (
        (await readFile('/proc/sys/fs/protected_hardlinks', 'utf8').catch(() => '0')).trim() !== '1'
      )
        skip('this kernel lets everyone link');
      await replica.put('a', 'before');
      await chmod(at('a'), 0o644);
      for (const name of ['..', '.', '.syncmedia', areas.tmp, areas.replaced])
        await chown(at(name), 65534, 65534);
      const tmp = await replica.receive('new');
      await chown(tmp, 65534, 65534);
      process.seteuid?.(65534);
      try {
        await expect(placeFile(replica.place, path('a'), tmp, neverAsked)).rejects.toThrow(
          failure('LINK_FAILED'),
        );
      } finally {
        process.seteuid?.(0);
      }
      expect(await replica.files()).toEqual({ '.syncmedia/tmp/*': 'new', a: 'before' });
      expect(await readdir(at(areas.replaced))).toEqual([]);
    },
  );

  test('a file that the app puts there after the look is kept and resolved like the one it replaced', async () => {
    await replica.put('a', 'before');
    const disk: Disk = {
      ...nodeDisk,
      replace: async (...given) => {
        await replica.put('written', 'by the app');
        await rename(at('written'), at('a'));
        return nodeDisk.replace(...given);
      },
    };
    const resolved = await placeFile(
      replica.on(disk),
      path('a'),
      await replica.receive('new'),
      resolveBy({ before: 'trash', 'by the app': 'conflict' }),
    );
    expect(resolved.map(({ resolution }) => resolution)).toEqual(['trash', 'conflict']);
    expect(await replica.files()).toEqual({
      '.syncmedia/trash/*/a': 'before',
      '.syncmedia/conflicts/*/a': 'by the app',
      a: 'new',
    });
    expect(await readdir(at(areas.tmp))).toEqual([]);
  });

  test('a directory that may not be written leaves no second name at every try', async () => {
    await replica.put('x/a', 'before');
    const disk: Disk = {
      ...nodeDisk,
      replace: () => Promise.reject(new SyncMediaError('PERMISSION_DENIED', 'read-only.')),
    };
    await expect(
      placeFile(replica.on(disk), path('x/a'), await replica.receive('new'), neverAsked),
    ).rejects.toThrow(failure('PERMISSION_DENIED'));
    expect(await readdir(at(areas.replaced))).toEqual([]);
    expect(await readFile(at('x/a'), 'utf8')).toBe('before');
  });

  test('after too many changes of a path by others placing fails, with nothing lost', async () => {
    const disk: Disk = {
      ...nodeDisk,
      link: async (from, to) => {
        if (to === at('a')) await writeFile(to, 'theirs');
        else if (from === at('a')) await rename(from, at(`taken-${newName()}`));
        return nodeDisk.link(from, to);
      },
    };
    await expect(
      placeFile(replica.on(disk), path('a'), await replica.receive('new'), neverAsked),
    ).rejects.toThrow(failure('LINK_FAILED'));
    expect(await replica.contents()).toEqual(['new', ...Array.from({ length: 5 }, () => 'theirs')]);
    expect(await readdir(at(areas.replaced))).toEqual([]);
  });

  test('a resolver that fails leaves the replaced file in its folder', async () => {
    await replica.put('a', 'before');
    await expect(
      placeFile(replica.place, path('a'), await replica.receive('new'), () =>
        Promise.reject(new Error('no database')),
      ),
    ).rejects.toThrow('no database');
    expect(await replica.files()).toEqual({ '.syncmedia/replaced/*/a': 'before', a: 'new' });
  });

  test('an area that somebody removed is made anew', async () => {
    await replica.put('a', 'before');
    await replica.put(areas.marker, 'of this host');
    const tmp = await replica.receive('new');
    for (const area of [areas.replaced, areas.trash]) await rm(at(area), { recursive: true });
    await placeFile(replica.place, path('a'), tmp, () => Promise.resolve('trash'));
    expect(await replica.files()).toEqual({
      '.syncmedia/id': 'of this host',
      '.syncmedia/trash/*/a': 'before',
      a: 'new',
    });
  });

  test('a missing marker is reported, and nothing is replaced', async () => {
    await replica.put('a', 'before');
    const tmp = await replica.receive('new');
    await rm(at(areas.replaced), { recursive: true });
    await expect(placeFile(replica.place, path('a'), tmp, neverAsked)).rejects.toThrow(
      failure('NO_MARKER'),
    );
    expect(await readFile(at('a'), 'utf8')).toBe('before');
  });

  test('a missing folder of ours is reported, and nothing is replaced', async () => {
    await replica.put('a', 'before');
    const tmp = await replica.receive('new');
    await rename(tmp, at('finished'));
    await rm(at(areas.own), { recursive: true });
    await expect(placeFile(replica.place, path('a'), at('finished'), neverAsked)).rejects.toThrow(
      failure('NO_MARKER'),
    );
    expect(await replica.files()).toEqual({ a: 'before', finished: 'new' });
  });
});

describe('removeFile', () => {
  test('has nothing to do where a directory has taken the place of the file, or a file that of its directory', async () => {
    await replica.put('directory/a', 'below');
    await replica.put('file', 'in the way');
    for (const name of ['directory', 'file/a'])
      expect(await removeFile(replica.place, path(name), neverAsked)).toEqual([]);
    expect(await replica.files()).toEqual({ 'directory/a': 'below', file: 'in the way' });
  });

  test.each([
    ['trash', { '.syncmedia/trash/*/x/a': 'before' }],
    ['conflict', { '.syncmedia/conflicts/*/x/a': 'before' }],
    ['drop', {}],
    ['put-back-if-absent', { 'x/a': 'before' }],
    ['put-back', { 'x/a': 'before' }],
  ] as const)('removes the file and resolves it: %s', async (resolution, files) => {
    await replica.put('x/a', 'before');
    const by: string[] = [];
    const resolved = await removeFile(replica.place, path('x/a'), (_path, _found, why) => {
      by.push(why);
      return Promise.resolve(resolution);
    });
    expect(by).toEqual(['removed']);
    expect(resolved).toMatchObject([{ path: path('x/a'), resolution }]);
    expect(await replica.files()).toEqual(files);
    expect(await readdir(at(areas.replaced))).toEqual([]);
  });

  test('where nothing is there is nothing to do', async () => {
    expect(await removeFile(replica.place, path('a'), neverAsked)).toEqual([]);
    expect(await removeFile(replica.place, path('x/y/a'), neverAsked)).toEqual([]);
    expect(await readdir(replica.place.dirPath)).toEqual(['.syncmedia']);
  });

  test('never reaches through a symlink', async () => {
    await replica.put('../secret/a', 'secret');
    await symlink('../secret', at('link'));
    await expect(removeFile(replica.place, path('link/a'), neverAsked)).rejects.toThrow(
      failure('SYMLINK_IN_PATH'),
    );
    expect(await readFile(at('../secret/a'), 'utf8')).toBe('secret');
  });

  test('a file that comes while the removed one is being resolved: both are kept', async () => {
    await replica.put('x/a', 'before');
    const resolved = await removeFile(replica.place, path('x/a'), async () => {
      await replica.put('x/a', 'newer');
      return 'put-back-if-absent';
    });
    expect(resolved).toMatchObject([{ resolution: 'conflict' }]);
    expect(await replica.files()).toEqual({
      '.syncmedia/conflicts/*/x/a': 'before',
      'x/a': 'newer',
    });
  });

  test('a file that cannot be put back because a symlink took its directory is kept', async () => {
    await replica.put('x/a', 'before');
    await mkdir(at('../secret'));
    const resolved = await removeFile(replica.place, path('x/a'), async () => {
      await rm(at('x'), { recursive: true });
      await symlink('../secret', at('x'));
      return 'put-back-if-absent';
    });
    expect(resolved).toMatchObject([{ resolution: 'conflict' }]);
    expect(await readdir(at('../secret'))).toEqual([]);
    const [kept] = await readdir(at(areas.conflicts));
    expect(await readFile(at(`${areas.conflicts}/${kept ?? ''}/x/a`), 'utf8')).toBe('before');
  });
});
