import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { requireSafePath } from '../../src/replica/paths.js';
import type { Replica } from '../../src/replica/replica.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { dirs, makeLocalRoot, photos, uploads, type LocalRoot } from './local-root.js';
import { asOtherUser } from './other-user.js';

const failure = (code: string): unknown => expect.objectContaining({ code });
let made: LocalRoot;
let root: Replica;
let at: LocalRoot['at'];
let put: LocalRoot['put'];
beforeEach(async () => {
  made = await makeLocalRoot();
  ({ root, at, put } = made);
});
afterEach(() => made.remove());

describe('scan', () => {
  async function scan(
    of: SyncDir,
    signal = new AbortController().signal,
  ): Promise<{ info: string[]; refused: string[] }> {
    const found: string[] = [],
      refused: string[] = [];
    for await (const { path, info: seen } of root.scan(of, signal, (path, why) =>
      refused.push(`${path}: ${why}`),
    )) {
      expect(seen).toEqual(await root.observe(path));
      found.push(path);
    }
    return { info: found.sort(), refused: refused.sort() };
  }

  test('gives every regular file that the rules let through, and refuses FIFOs and sockets', async () => {
    for (const path of [
      'a.jpg',
      'x/y/z/b.jpg',
      'x/a.tmp',
      'cache/c.jpg',
      'x/cache/c.jpg',
      'photos/p.jpg',
      'photos2/q.jpg',
      ' ',
      '-x',
      'a\nb',
      '🐢',
    ])
      await put(`uploads/${path}`, path);
    const { close } = await made.putSpecials('uploads/s');
    await put('secret/s.jpg', '');
    await symlink('../secret', at('uploads/x/out'));
    try {
      expect(await scan(uploads)).toEqual({
        info: [' ', '-x', 'a\nb', 'a.jpg', 'photos2/q.jpg', 'x/y/z/b.jpg', '🐢']
          .map((name) => `uploads/${name}`)
          .sort(),
        refused: ['fifo', 'socket'].map(
          (name) => `uploads/s/${name}: it is a FIFO, a socket or a device`,
        ),
      });
    } finally {
      close();
    }
    expect((await scan(photos)).info).toEqual(['uploads/photos/p.jpg']);
  });

  test('agrees with isExcluded', async () => {
    for (const path of ['a', 'a.tmp', 'x/cache/a', 'cache', 'x/b.tmp/c', 'x/b']) {
      if (path === 'cache') await put('uploads/z/cache', '');
      else await put(`uploads/${path}`, '');
    }
    const all = [
      'uploads/a',
      'uploads/a.tmp',
      'uploads/x/cache/a',
      'uploads/z/cache',
      'uploads/x/b.tmp/c',
      'uploads/x/b',
    ];
    expect((await scan(uploads)).info).toEqual(
      all.filter((path) => !dirs.isExcluded(requireSafePath(path))).sort(),
    );
  });

  test('names that are not UTF-8 are refused one by one, with everything below them', async () => {
    const odd = (name: string, byte: number): Buffer =>
      Buffer.concat([Buffer.from(at(`uploads/${name}`)), Buffer.from([byte])]);
    await writeFile(odd('a', 0xff), '1');
    await writeFile(odd('a', 0xfe), '2');
    await mkdir(odd('d', 0xc3));
    await writeFile(Buffer.concat([odd('d', 0xc3), Buffer.from('/inside')]), '3');
    await put('uploads/ok\ufffd', 'a real replacement character is a name like any other');
    const { info: found, refused } = await scan(uploads);
    expect(found).toEqual(['uploads/ok\ufffd']);
    expect(refused).toEqual([
      'uploads/a\ufffd: the name is not valid UTF-8',
      'uploads/a\ufffd: the name is not valid UTF-8',
      'uploads/d\ufffd: the name is not valid UTF-8',
    ]);
  });

  test('many files in one directory and many directories', async () => {
    const expected: string[] = [];
    for (let index = 0; index < 300; index++) {
      await put(`uploads/flat/${String(index)}`, '');
      await put(`uploads/deep/${String(index)}/a`, '');
      expected.push(`uploads/flat/${String(index)}`, `uploads/deep/${String(index)}/a`);
    }
    expect((await scan(uploads)).info).toEqual(expected.sort());
  });

  test('the longest name, and a path nearly as long as any', async () => {
    const name = 'é'.repeat(127);
    await put(`uploads/${name}`, '');
    const deep = `uploads/${`${'d'.repeat(200)}/`.repeat(9)}a`,
      deeper = `uploads/${`${'e'.repeat(200)}/`.repeat(10)}`;
    await put(deep, '');
    await put(`${deeper}a`, '');
    expect(await scan(uploads)).toEqual({
      info: [`uploads/${name}`, deep].sort(),
      refused: [`${deeper.slice(0, -1)}: the path is too long`],
    });
  });

  test('needs the marker before and after', async () => {
    await put('uploads/a', '');
    await put('uploads/b', '');
    const during: string[] = [];
    await expect(
      (async () => {
        for await (const { path } of root.scan(uploads, new AbortController().signal)) {
          during.push(path);
          await rm(at('uploads/.syncmedia/id'), { force: true });
        }
      })(),
    ).rejects.toThrow(failure('NO_MARKER'));
    expect(during.length).toBe(2);
    await expect(scan(uploads)).rejects.toThrow(failure('NO_MARKER'));
    await rm(at('uploads'), { recursive: true });
    await expect(scan(uploads)).rejects.toThrow(failure('NO_MARKER'));
  });

  test('ends on abort, and closes its open directories when the consumer stops', async () => {
    for (let index = 0; index < 200; index++) await put(`uploads/x/${String(index)}`, '');
    const stop = new AbortController();
    await expect(
      (async () => {
        for await (const { path } of root.scan(uploads, stop.signal)) {
          expect(path).toContain('uploads/x/');
          stop.abort();
        }
      })(),
    ).rejects.toThrow(failure('CANCELLED'));
    const before = await listOpen();
    for await (const { path } of root.scan(uploads, new AbortController().signal)) {
      expect(path).toContain('uploads/x/');
      break;
    }
    expect(await listOpen()).toEqual(before);
  });

  test('a directory that may not be read is refused, the rest is found', async () => {
    await put('uploads/closed/a', '');
    await put('uploads/b', '');
    for (const name of ['.', 'uploads', 'uploads/.syncmedia']) await chmod(at(name), 0o755);
    await chmod(at('uploads/.syncmedia/id'), 0o644);
    await asOtherUser(at('uploads/closed'), async () => {
      expect(await scan(uploads)).toEqual({
        info: ['uploads/b'],
        refused: ['uploads/closed: the directory may not be read'],
      });
    });
  });

  test('so is a file in a directory that may be read and not entered', async () => {
    await put('uploads/listed/a', '');
    await put('uploads/b', '');
    for (const name of ['.', 'uploads', 'uploads/.syncmedia']) await chmod(at(name), 0o755);
    await chmod(at('uploads/.syncmedia/id'), 0o644);
    await asOtherUser(
      at('uploads/listed'),
      async () => {
        expect(await scan(uploads)).toEqual({
          info: ['uploads/b'],
          refused: ['uploads/listed/a: its directory may not be entered'],
        });
      },
      { lists: true },
    );
  });
});

/** Descriptors below the test's root that this process has open. */
async function listOpen(): Promise<string[]> {
  const fds = await nodeDisk.list('/proc/self/fd');
  const targets = await Promise.all(
    (fds ?? []).map((fd) => nodeDisk.realPath(`/proc/self/fd/${fd}`)),
  );
  return targets.filter((target): target is string => target?.startsWith(at('')) === true).sort();
}
