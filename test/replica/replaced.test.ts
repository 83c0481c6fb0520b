import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ReplacedFileResolver } from '../../src/replica/disk.js';
import type { Resolution } from '../../src/model/resolution.js';
import { SyncMediaError } from '../../src/model/errors.js';
import { areas, newName } from '../../src/replica/areas.js';
import { cleanTmp, cleanTrash } from '../../src/replica/clean.js';
import { findRecoverableCopy, listRecoverableFiles } from '../../src/replica/recoverable.js';
import { resolveReplacedFolder, resolveLeftovers } from '../../src/replica/replaced.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { placeFile, removeFile } from '../../src/replica/place.js';
import { resolveBy, makeOld, makeReplica, path, type Replica } from './replica.js';

let replica: Replica;
let at: (rest: string) => string;
beforeEach(async () => {
  replica = await makeReplica();
  at = (rest) => `${replica.place.dirPath}/${rest}`;
});
afterEach(() => replica.remove());

const HOUR = 3_600_000;
const neverAsked: ReplacedFileResolver = () =>
  Promise.reject(new Error('nothing is to be resolved'));

describe('resolveReplacedFolder', () => {
  test('resolves every file that one rsync call replaced', async () => {
    await replica.put(`${areas.replaced}/call/a`, 'old');
    await replica.put(`${areas.replaced}/call/x/b`, 'unknown');
    await replica.put(`${areas.replaced}/call/x/y/c`, 'same');
    await replica.put(`${areas.replaced}/call/z/d`, 'lonely');
    await replica.put('x/b', 'new');
    await replica.put('x/y/c', 'same');
    await mkdir(at(`${areas.replaced}/call/empty/empty`), { recursive: true });
    await replica.put(`${areas.replaced}/another/a`, 'of another call');
    const resolved = await resolveReplacedFolder(
      replica.place,
      'call',
      'replaced',
      resolveBy({ old: 'trash', unknown: 'conflict', same: 'drop', lonely: 'put-back-if-absent' }),
    );
    expect(resolved.map(({ path: about, resolution }) => [about, resolution]).sort()).toEqual([
      ['uploads/a', 'trash'],
      ['uploads/x/b', 'conflict'],
      ['uploads/x/y/c', 'drop'],
      ['uploads/z/d', 'put-back-if-absent'],
    ]);
    expect(await replica.files()).toEqual({
      '.syncmedia/replaced/another/a': 'of another call',
      '.syncmedia/conflicts/*/x/b': 'unknown',
      '.syncmedia/trash/*/a': 'old',
      'x/b': 'new',
      'x/y/c': 'same',
      'z/d': 'lonely',
    });
    expect(await readdir(at(areas.replaced))).toEqual(['another']);
  });

  test('two resolvers of one folder: every file ends somewhere, and none fails', async () => {
    const resolutions = {
      one: 'trash',
      two: 'conflict',
      three: 'put-back-if-absent',
      four: 'put-back',
      five: 'put-back-if-absent',
    } as const;
    for (const content of Object.keys(resolutions))
      await replica.put(`${areas.replaced}/call/x/${content}`, content);
    await replica.put('x/five', 'newer');
    await Promise.all(
      [1, 2, 3].map(() =>
        resolveReplacedFolder(replica.place, 'call', 'leftover', resolveBy(resolutions)),
      ),
    );
    expect(new Set(await replica.contents())).toEqual(
      new Set(['one', 'two', 'three', 'four', 'five', 'newer']),
    );
    expect(await readdir(at(areas.replaced))).toEqual([]);
    expect(await readFile(at('x/three'), 'utf8')).toBe('three');
    expect(await readFile(at('x/four'), 'utf8')).toBe('four');
  });

  test('a file to be put back at a path with the same bytes is no conflict, other bytes of the same size are', async () => {
    await replica.put(`${areas.replaced}/call/x/a`, 'same');
    await replica.put(`${areas.replaced}/call/x/b`, 'mine');
    await replica.put('x/a', 'same');
    await replica.put('x/b', 'hers');
    const resolved = await resolveReplacedFolder(
      replica.place,
      'call',
      'removed',
      resolveBy({ same: 'put-back-if-absent', mine: 'put-back-if-absent' }),
    );
    expect(resolved.map(({ path: about, resolution }) => [about, resolution]).sort()).toEqual([
      ['uploads/x/a', 'drop'],
      ['uploads/x/b', 'conflict'],
    ]);
    expect(await replica.files()).toEqual({
      'x/a': 'same',
      'x/b': 'hers',
      '.syncmedia/conflicts/*/x/b': 'mine',
    });
    expect(await readdir(at(areas.replaced))).toEqual([]);
  });

  test('an empty folder needs no resolver', async () => {
    expect(await resolveReplacedFolder(replica.place, 'none', 'replaced', neverAsked)).toEqual([]);
  });

  test('anything but a regular file is kept without a resolver', async () => {
    await mkdir(at(`${areas.replaced}/call`));
    await symlink('/etc/hostname', at(`${areas.replaced}/call/link`));
    expect(
      await resolveReplacedFolder(replica.place, 'call', 'leftover', neverAsked),
    ).toMatchObject([{ path: path('link'), resolution: 'conflict' }]);
    expect(await readdir(at(areas.replaced))).toEqual([]);
  });

  test('names that are not UTF-8 stay where they are', async () => {
    await mkdir(at(`${areas.replaced}/call`));
    const odd = Buffer.concat([Buffer.from(at(`${areas.replaced}/call/a`)), Buffer.from([0xff])]);
    await writeFile(odd, 'odd');
    expect(await resolveReplacedFolder(replica.place, 'call', 'leftover', neverAsked)).toEqual([]);
    expect(await readFile(odd, 'utf8')).toBe('odd');
  });
});

describe('a conflict is reported', () => {
  /** Resolves the replaced files; returns the paths of reported conflicts. */
  async function resolveReporting(resolution: Resolution): Promise<string[]> {
    const told: string[] = [];
    const resolver: ReplacedFileResolver = () => Promise.resolve(resolution);
    resolver.onConflict = (about) => {
      told.push(about);
    };
    await resolveReplacedFolder(replica.place, 'call', 'leftover', resolver);
    return told;
  }

  test('if it was the resolution', async () => {
    await replica.put(`${areas.replaced}/call/x/a`, 'unknown');
    expect(await resolveReporting('conflict')).toEqual([path('x/a')]);
  });

  test('if the path of a file to be put back was taken', async () => {
    await replica.put(`${areas.replaced}/call/x/a`, 'of a crash');
    await replica.put('x/a', 'there by now');
    expect(await resolveReporting('put-back-if-absent')).toEqual([path('x/a')]);
    expect(await replica.files()).toEqual({
      '.syncmedia/conflicts/*/x/a': 'of a crash',
      'x/a': 'there by now',
    });
  });

  test('if the file could not be put back for good', async () => {
    await replica.put(`${areas.replaced}/call/x`, 'a file');
    await replica.put('x/a', 'in a directory');
    expect(await resolveReporting('put-back')).toEqual([path('x')]);
  });

  test('if no file was resolved', async () => {
    await mkdir(at(`${areas.replaced}/call`));
    await symlink('/etc/hostname', at(`${areas.replaced}/call/link`));
    expect(await resolveReporting('drop')).toEqual([path('link')]);
  });

  test.each(['drop', 'trash', 'put-back-if-absent'] as const)(
    'and nothing else is: %s',
    async (resolution) => {
      await replica.put(`${areas.replaced}/call/x/a`, 'known');
      expect(await resolveReporting(resolution)).toEqual([]);
    },
  );
});

describe('resolveLeftovers', () => {
  test('resolves only folders that are old enough', async () => {
    await replica.put(`${areas.replaced}/old/x/a`, 'of a crash');
    await replica.put(`${areas.replaced}/new/x/b`, 'in use');
    await makeOld(at(`${areas.replaced}/old`));
    const by: string[] = [];
    const resolver: ReplacedFileResolver = (_path, _found, why) => {
      by.push(why);
      return Promise.resolve('put-back-if-absent');
    };
    expect(await resolveLeftovers(replica.place, resolver, HOUR / 2)).toMatchObject([
      { path: path('x/a'), resolution: 'put-back-if-absent' },
    ]);
    expect(by).toEqual(['leftover']);
    expect(await replica.files()).toEqual({
      '.syncmedia/replaced/new/x/b': 'in use',
      'x/a': 'of a crash',
    });
  });

  test('a leftover that cannot be read delays no other, and is reported', async () => {
    await replica.put(`${areas.replaced}/000000001-0000000000000000/a`, 'unreadable');
    await replica.put(`${areas.replaced}/000000002-0000000000000000/b`, 'lonely');
    const broken = at(`${areas.replaced}/000000001-0000000000000000`);
    const failure = new SyncMediaError('TRANSFER_FAILED', 'i/o error');
    const location = replica.on({
      ...nodeDisk,
      hash: (file, limit) =>
        file.startsWith(broken) ? Promise.reject(failure) : nodeDisk.hash(file, limit),
    });
    const reported: [string, unknown][] = [];
    const resolver: ReplacedFileResolver = resolveBy({ lonely: 'put-back-if-absent' });
    resolver.onUnresolved = (folder, error) => reported.push([folder, error]);
    expect(await resolveLeftovers(location, resolver, 0)).toMatchObject([
      { path: path('b'), resolution: 'put-back-if-absent' },
    ]);
    expect(reported).toEqual([[broken, failure]]);
    expect(await replica.files()).toEqual({ '.syncmedia/replaced/*/a': 'unreadable', b: 'lonely' });
  });

  test('an error that no leftover is to blame for ends the resolving', async () => {
    await replica.put(`${areas.replaced}/000000001-0000000000000000/a`, 'a');
    const failure = new SyncMediaError('HOST_UNREACHABLE', 'the connection broke');
    await expect(resolveLeftovers(replica.place, () => Promise.reject(failure), 0)).rejects.toBe(
      failure,
    );
  });

  test('finds none, even without the area', async () => {
    expect(await resolveLeftovers(replica.place, neverAsked, 0)).toEqual([]);
    expect(
      await resolveLeftovers({ ...replica.place, dirPath: at('missing') }, neverAsked, 0),
    ).toEqual([]);
    expect(await readdir(at(areas.tmp))).toEqual([]);
  });
});

describe('listRecoverableFiles', () => {
  test('the newest first, up to the limit', async () => {
    await replica.put(`${areas.conflicts}/000000001-0000000000000000/x/a`, 'one');
    await replica.put(`${areas.conflicts}/000000002-0000000000000000/b`, 'three');
    await replica.put(`${areas.trash}/000000003-0000000000000000/c`, '');
    const kept = await listRecoverableFiles(replica.place, 'conflicts', 10);
    expect(kept).toMatchObject([
      { path: path('b'), keptAs: '.syncmedia/conflicts/000000002-0000000000000000/b', size: 5 },
      { path: path('x/a'), keptAs: '.syncmedia/conflicts/000000001-0000000000000000/x/a', size: 3 },
    ]);
    const { mtimeMs } = await stat(at(`${areas.conflicts}/000000002-0000000000000000`));
    expect(kept[0]?.at).toEqual(new Date(mtimeMs));
    expect(await listRecoverableFiles(replica.place, 'conflicts', 1)).toHaveLength(1);
    expect(await listRecoverableFiles(replica.place, 'conflicts', 0)).toEqual([]);
    expect(
      (await listRecoverableFiles(replica.place, 'trash', 10)).map(({ path: about }) => about),
    ).toEqual([path('c')]);
  });
});

describe('findRecoverableCopy', () => {
  test('finds the wanted bytes in every area, and placing them restores the file', async () => {
    await replica.put(`${areas.replaced}/${newName()}/x/a`, 'other');
    await replica.put(`${areas.trash}/${newName()}/x/b`, 'wanted');
    const kept = `${areas.conflicts}/${newName()}/x/a`;
    await replica.put(kept, 'wanted');
    const looked: number[] = [];
    const find = (rest: string, content: string): Promise<string | undefined> =>
      findRecoverableCopy(replica.place, path(rest), async (seen, hash) => {
        looked.push(seen.size);
        const resolver = resolveBy({ [content]: 'drop' });
        return (await resolver(path(rest), seen, 'leftover', hash)) === 'drop';
      });
    const copy = await find('x/a', 'wanted');
    expect(copy).toBe(at(kept));
    expect(looked).toEqual([5, 6]);
    expect(await find('x/a', 'unheard of')).toBeUndefined();
    expect(await find('y', 'wanted')).toBeUndefined();
    await placeFile(replica.place, path('x/a'), copy ?? '', neverAsked);
    expect(await readFile(at('x/a'), 'utf8')).toBe('wanted');
    expect(await find('x/a', 'wanted')).toBeUndefined();
  });
});

describe('cleanTmp', () => {
  test('removes files without a recent change, in tmp and partial alone', async () => {
    for (const name of [
      `${areas.tmp}/.a.jpg.XyZ123`,
      `${areas.partial}/hash/a.jpg`,
      `${areas.replaced}/n/a`,
      `${areas.trash}/n/a`,
      `${areas.conflicts}/n/a`,
      'a',
    ]) {
      await replica.put(name, name);
      await makeOld(at(name));
    }
    await makeOld(at(`${areas.partial}/hash`));
    await replica.put(`${areas.tmp}/.b.jpg.XyZ123`, 'being received');
    expect(await cleanTmp(replica.place, HOUR / 2)).toBe(2);
    expect(Object.keys(await replica.files())).toEqual([
      '.syncmedia/conflicts/n/a',
      '.syncmedia/replaced/n/a',
      '.syncmedia/tmp/.b.jpg.XyZ123',
      '.syncmedia/trash/n/a',
      'a',
    ]);
  });

  test('a file just received, with the old date of its source, stays', async () => {
    const received = await replica.receive('finished');
    await makeOld(received);
    expect(await cleanTmp(replica.place, HOUR / 2)).toBe(0);
    const forgotten = at(
      `${areas.tmp}/${(Date.now() - 2 * HOUR).toString(36).padStart(9, '0')}-0123456789abcdef`,
    );
    await writeFile(forgotten, '');
    await makeOld(forgotten);
    expect(await cleanTmp(replica.place, HOUR / 2)).toBe(1);
    expect(await replica.contents()).toEqual(['finished']);
  });
});

describe('cleanTrash', () => {
  test('by age, and the oldest beyond the size; nothing else', async () => {
    await replica.put(`${areas.trash}/000000001-0000000000000000/x/a`, 'too old');
    await replica.put(`${areas.trash}/000000002-0000000000000000/b`, '12345');
    await replica.put(`${areas.trash}/000000003-0000000000000000/c`, '12345');
    await replica.put(`${areas.trash}/000000004-0000000000000000/d`, '12345');
    await replica.put(`${areas.conflicts}/000000001-0000000000000000/e`, '12345');
    await replica.put(`${areas.replaced}/000000001-0000000000000000/f`, '12345');
    for (const area of [areas.trash, areas.conflicts, areas.replaced])
      await makeOld(at(`${area}/000000001-0000000000000000`));
    expect(await cleanTrash(replica.place, { olderThanMs: HOUR / 2, maxBytes: Infinity })).toBe(1);
    expect(await readdir(at(areas.trash))).toHaveLength(3);
    expect(await cleanTrash(replica.place, { olderThanMs: HOUR / 2, maxBytes: 10 })).toBe(1);
    expect(Object.keys(await replica.files())).toEqual([
      '.syncmedia/conflicts/*/e',
      '.syncmedia/replaced/*/f',
      '.syncmedia/trash/*/c',
      '.syncmedia/trash/*/d',
    ]);
    expect((await readdir(at(areas.trash))).sort()).toEqual([
      '000000003-0000000000000000',
      '000000004-0000000000000000',
    ]);
    expect(await cleanTrash(replica.place, { olderThanMs: HOUR / 2, maxBytes: 0 })).toBe(2);
    expect(await cleanTrash(replica.place, { olderThanMs: 0, maxBytes: 0 })).toBe(0);
  });

  test('an emptied folder goes when it is old', async () => {
    await replica.put('a', 'a');
    await removeFile(replica.place, path('a'), resolveBy({ a: 'trash' }));
    const copy = await findRecoverableCopy(replica.place, path('a'), () => Promise.resolve(true));
    await placeFile(replica.place, path('a'), copy ?? '', neverAsked);
    expect(await readdir(at(areas.trash))).toHaveLength(1);
    await cleanTrash(replica.place, { olderThanMs: 0, maxBytes: 0 });
    expect(await readdir(at(areas.trash))).toEqual([]);
    expect(await replica.files()).toEqual({ a: 'a' });
  });
});
