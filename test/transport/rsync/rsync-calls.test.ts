import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { listProcesses } from '../../../scripts/processes.mjs';
import { findProgram } from '../../../scripts/programs.mjs';
import type { BackendOptions } from '../../../src/transport/options.js';
import { makeCompareCommand, makeTransferCommand } from '../../../src/transport/rsync/commands.js';
import { parseItemizedLine } from '../../../src/transport/rsync/itemized.js';
import { createRsyncBackend } from '../../../src/transport/rsync/rsync-backend.js';
import { RsyncProcess } from '../../../src/transport/rsync/rsync-process.js';
import { requireSafePath } from '../../../src/replica/paths.js';
import type { Change } from '../../../src/model/change.js';
import type { SyncDir } from '../../../src/model/sync-dir.js';
import { until } from '../../harness/wait.js';
import {
  changeOf,
  collect,
  differences,
  makeSite,
  never,
  photos,
  put,
  results,
  type Site,
  type SiteOptions,
} from '../site.js';

const dir = photos.path;
const realRsync = `exec ${(await findProgram('rsync')) ?? 'rsync'} "$@"`;
let site: Site | undefined;

async function open(
  options: SiteOptions = {},
  backend: Partial<BackendOptions> = { smallFileLimit: 0 },
): Promise<Site> {
  site = await makeSite(createRsyncBackend, { ...options, backend });
  return site;
}

async function make(
  at: string,
  names: readonly string[],
  content: (name: string) => string | Buffer = (name) => name,
): Promise<Change[]> {
  return Promise.all(
    names.map(async (name) => {
      await put(at, `${dir}/${name}`, content(name), 1_500_000_000);
      return changeOf(at, `${dir}/${name}`);
    }),
  );
}

afterEach(async () => {
  await site?.close();
  site = undefined;
});

describe('rsync calls', () => {
  test('ten files of a sync dir go in one call', async () => {
    const { backend, host, here, calls, there } = await open();
    const changes = await make(
      here,
      Array.from({ length: 10 }, (_, index) => `sub${index % 3}/${index}.jpg`),
    );
    expect(Object.values(await results(backend.send(host, changes, never)))).toEqual(
      Array(10).fill('delivered'),
    );
    expect(calls.map(({ kind, files }) => [kind, files])).toEqual([['transfer', 10]]);
    expect((await there.rsyncCalls()).filter((call) => call.includes('--server'))).toHaveLength(1);
  });

  test('many files are fetched by three calls at once, few by one, and by one where the bandwidth is limited', async () => {
    const names = Array.from(
      { length: 300 },
      (_, index) => `sub${String(index % 3)}/${String(index)}.jpg`,
    );
    for (const [count, backend, expected] of [
      [300, {}, [100, 100, 100]],
      [100, {}, [36, 64]],
      [60, {}, [60]],
      [300, { bandwidthLimit: 100_000 }, [300]],
    ] as const) {
      const opened = await open({}, backend);
      const changes = await make(opened.rootThere, names.slice(0, count));
      expect(
        new Set(Object.values(await results(opened.backend.fetch(opened.host, changes, never)))),
      ).toEqual(new Set(['delivered']));
      // Where several open the shared connection at once ssh says so, and what arrived is looked
      // into.
      expect(
        opened.calls
          .filter(({ kind }) => kind === 'transfer')
          .map(({ files }) => files)
          .sort((a, b) => a - b),
      ).toEqual(expected);
      for (const name of names.slice(0, count))
        expect(await readFile(join(opened.here, dir, name), 'utf8')).toBe(name);
      await site?.close();
    }
  }, 120_000);

  test('no file that goes by SFTP needs rsync, even with another mode', async () => {
    const { backend, host, here, calls, rootThere } = await open({}, { chmod: 'D755,F640' });
    const [small, large] = await make(here, ['small.jpg', 'large.jpg'], (name) =>
      Buffer.alloc(name === 'small.jpg' ? 1024 * 1024 : 1024 * 1024 + 1),
    );
    if (small === undefined || large === undefined) throw new Error('two files were made');
    const outcomes = await collect(backend.send(host, [small, large], never));
    expect(outcomes.get(small.path)).toMatchObject({
      result: 'delivered',
      via: 'sftp',
      bytes: 1024 * 1024,
    });
    expect(outcomes.get(large.path)).toMatchObject({ result: 'delivered', via: 'rsync' });
    expect(calls.map(({ kind, files }) => [kind, files])).toEqual([['transfer', 1]]);
    for (const { path } of [small, large])
      expect((await stat(join(rootThere, path))).mode & 0o777).toBe(0o640);
  });

  test('a mode that only rsync understands keeps SFTP out', async () => {
    const { backend, host, here, rootThere } = await open({}, { chmod: 'Fu=rw,Fgo=r' });
    const outcomes = await collect(backend.send(host, await make(here, ['small.jpg']), never));
    expect([...outcomes.values()]).toMatchObject([{ result: 'delivered', via: 'rsync' }]);
    expect((await stat(join(rootThere, dir, 'small.jpg'))).mode & 0o777).toBe(0o644);
  });

  test('a root with every kind of character in it, both ways', async () => {
    const name = `ro ot's [x]*? $(touch gone) "q" \\ ;é`;
    const { backend, host, here, rootThere } = await open({ rootName: name });
    expect(
      Object.values(await results(backend.send(host, await make(here, ['a b/$(x).jpg']), never))),
    ).toEqual(['delivered']);
    expect(await readFile(join(rootThere, dir, 'a b/$(x).jpg'), 'utf8')).toBe('a b/$(x).jpg');
    expect(
      Object.values(await results(backend.fetch(host, await make(rootThere, ['c.jpg']), never))),
    ).toEqual(['delivered']);
    await put(rootThere, `${dir}/only there.jpg`, 'x');
    expect(await differences(backend.compare(host, photos, 'time', never))).toEqual({
      [`${dir}/only there.jpg`]: 'only there',
    });
  });

  test('each sync dir has its own call, and the inner one of two is not compared with the outer', async () => {
    const inner: SyncDir = { ...photos, path: requireSafePath(`${dir}/inner [1]`), exclude: [] };
    const { backend, host, here, calls } = await open({ dirs: [photos, inner] });
    await put(here, `${dir}/outer.jpg`, 'outer');
    await put(here, `${inner.path}/inner.jpg`, 'inner');
    expect(await differences(backend.compare(host, photos, 'time', never))).toEqual({
      [`${dir}/outer.jpg`]: 'only here',
    });
    expect(await differences(backend.compare(host, inner, 'time', never))).toEqual({
      [`${inner.path}/inner.jpg`]: 'only here',
    });
    calls.length = 0;
    const changes = [
      await changeOf(here, `${dir}/outer.jpg`),
      await changeOf(here, `${inner.path}/inner.jpg`, undefined, inner),
    ];
    expect(Object.values(await results(backend.send(host, changes, never)))).toEqual([
      'delivered',
      'delivered',
    ]);
    expect(calls.map(({ kind, files }) => [kind, files])).toEqual([
      ['transfer', 1],
      ['transfer', 1],
    ]);
  });

  test('a file of exactly the size that counts as large is transferred alone', async () => {
    const { backend, host, here, calls } = await open(
      {},
      { smallFileLimit: 0, largeFileFrom: 1_000 },
    );
    const sizes = new Map([
      ['a.jpg', 999],
      ['b.jpg', 1_000],
      ['c.jpg', 10],
    ]);
    const changes = await make(here, [...sizes.keys()], (name) =>
      Buffer.alloc(sizes.get(name.slice(name.lastIndexOf('/') + 1)) ?? 0),
    );
    expect(Object.values(await results(backend.send(host, changes, never)))).toEqual([
      'delivered',
      'delivered',
      'delivered',
    ]);
    expect(calls.map(({ kind, files }) => [kind, files])).toEqual([
      ['transfer', 2],
      ['transfer', 1],
    ]);
  });

  test('an interrupted large file goes on from where it was, and leaves nothing behind', async () => {
    const { backend, host, here, rootThere } = await open(
      {},
      { smallFileLimit: 0, largeFileFrom: 1_000_000, bandwidthLimit: 1_500 },
    );
    const [change] = await make(here, ['sub/large.jpg'], () =>
      Buffer.from(Array.from({ length: 6_000_000 }, (_, index) => (index * index) % 251)),
    );
    if (change === undefined) throw new Error('a file was made');
    const abort = new AbortController();
    const sending = results(backend.send(host, [change], abort.signal));
    const own = join(rootThere, dir, '.syncmedia');
    const unfinished = async (): Promise<number> => {
      const [name] = await readdir(join(own, 'tmp'));
      return name === undefined ? 0 : (await stat(join(own, 'tmp', name))).size;
    };
    await until(async () => (await unfinished()) > 500_000, {
      timeout: 15_000,
      what: 'half a large file',
    });
    abort.abort();
    expect(await sending).toEqual({ [change.path]: 'failed: CANCELLED of host' });
    const partial = await until(async () => (await readdir(join(own, 'partial')))[0], {
      what: 'a partial file',
    });
    expect(await until(async () => (await readdir(join(own, 'partial', partial)))[0])).toBe(
      'large.jpg',
    );
    const { size } = await stat(join(own, 'partial', partial, 'large.jpg'));
    expect(size).toBeGreaterThan(100_000);
    expect(await results(backend.send(host, [change], never))).toEqual({
      [change.path]: 'delivered',
    });
    expect(
      (await readFile(join(rootThere, change.path))).equals(
        await readFile(join(here, change.path)),
      ),
    ).toBe(true);
    expect([
      ...(await readdir(join(own, 'partial'))),
      ...(await readdir(join(own, 'tmp'))),
    ]).toEqual([]);
  });
});

describe('in the middle of a call', () => {
  test.each(['send', 'fetch'] as const)(
    'a file that changes is not delivered, %s',
    async (direction) => {
      const { backend, host, here, there, rootThere } = await open();
      const source = direction === 'send' ? here : rootThere;
      const [change] = await make(source, ['growing.jpg'], () => Buffer.alloc(2_000_000));
      if (change === undefined) throw new Error('a file was made');
      await there.replaceProgram(
        'rsync',
        `case "$*" in *--server*) printf x >> '${join(source, change.path)}' ;; esac\n${realRsync}`,
      );
      expect(
        await results(
          direction === 'send'
            ? backend.send(host, [change], never)
            : backend.fetch(host, [change], never),
        ),
      ).toEqual({ [change.path]: 'changed' });
    },
  );

  test('a file that vanishes is reported as such', async () => {
    const { backend, host, here, there } = await open();
    const changes = await make(here, ['a.jpg', 'gone.jpg', 'z.jpg']);
    await there.replaceProgram(
      'rsync',
      `case "$*" in *--backup-dir*) rm -f '${join(here, dir, 'gone.jpg')}' ;; esac\n${realRsync}`,
    );
    const outcomes = await results(backend.send(host, changes, never));
    expect(outcomes).toEqual({
      [`${dir}/a.jpg`]: 'delivered',
      [`${dir}/gone.jpg`]: 'vanished',
      [`${dir}/z.jpg`]: 'delivered',
    });
  });

  test('a directory on the way that becomes a symlink does not count as delivered', async () => {
    const { backend, host, here, there } = await open();
    const [change] = await make(here, ['sub/a.jpg']);
    if (change === undefined) throw new Error('a file was made');
    await put(here, 'outside/a.jpg', 'secret', 1_500_000_000);
    await there.replaceProgram(
      'rsync',
      `case "$*" in *--backup-dir*) mv '${join(here, dir, 'sub')}' '${join(here, 'was')}'; ln ` +
        `-s '${join(here, 'outside')}' '${join(here, dir, 'sub')}' ;; esac\n${realRsync}`,
    );
    expect(Object.values(await results(backend.send(host, [change], never)))).not.toContain(
      'delivered',
    );
  });

  test('an abort ends rsync and its ssh, and everything is answered', async () => {
    const { backend, host, here, there } = await open();
    const changes = await make(here, ['a.jpg', 'b.jpg']);
    await there.replaceProgram(
      'rsync',
      `case "$*" in *--server*) touch "$0.began"; exec sleep 30 ;; esac\n${realRsync}`,
    );
    const abort = new AbortController();
    const sending = results(backend.send(host, changes, abort.signal));
    await until(() => stat(join(there.dir, 'replaced/rsync.began')), {
      timeout: 10_000,
      what: 'a receiver that began',
    });
    abort.abort();
    expect(Object.values(await sending)).toEqual([
      'failed: CANCELLED of host',
      'failed: CANCELLED of host',
    ]);
    const clients = (await listProcesses()).filter(
      ({ command }) => command.startsWith('ssh -F') && command.includes(here.replace(/root$/, '')),
    );
    expect(clients).toEqual([]);
  });

  test('closing ends running and waiting calls', async () => {
    const { backend, host, here, there } = await open();
    const changes = await make(here, ['a.jpg']);
    await there.replaceProgram(
      'rsync',
      `case "$*" in *--server*) touch "$0.began"; exec sleep 30 ;; esac\n${realRsync}`,
    );
    const sending = results(backend.send(host, changes, never));
    await until(() => stat(join(there.dir, 'replaced/rsync.began')), {
      timeout: 10_000,
      what: 'a receiver that began',
    });
    await backend.close();
    expect(Object.values(await sending)).toEqual(['failed: CANCELLED of host']);
    expect(Object.values(await results(backend.send(host, changes, never)))).toEqual([
      'failed: CLOSED of host',
    ]);
  });
});

describe('answers of rsync', () => {
  test('no rsync on the other host', async () => {
    const { backend, host, here, there } = await open();
    await there.replaceProgram('rsync', 'echo "sh: rsync: command not found" >&2; exit 127');
    expect(await backend.prepare(host, [photos], never)).toMatchObject({
      code: 'MISSING_PROGRAM',
      scope: 'host',
    });
    const changes = await make(here, ['a.jpg']);
    expect(Object.values(await results(backend.send(host, changes, never)))).toEqual([
      'failed: MISSING_PROGRAM of host',
    ]);
    // It is asked again on the same connection, and then found.
    await there.replaceProgram('rsync', undefined);
    expect(Object.values(await results(backend.send(host, changes, never)))).toEqual(['delivered']);
    // Gone again, while the connection that knew it is still open.
    await there.replaceProgram('rsync', 'exit 127');
    expect(Object.values(await results(backend.send(host, changes, never)))).toEqual([
      'failed: MISSING_PROGRAM of host',
    ]);
  });

  test('no rsync there any more, of which our rsync sees only that the other side is gone', async () => {
    const { backend, host, here, there } = await open();
    const changes = await make(here, ['a.jpg']);
    expect(await backend.prepare(host, [photos], never)).toBeUndefined();
    await there.replaceProgram('rsync', 'case "$*" in *--server*) exit 0 ;; *) exit 127 ;; esac');
    expect(Object.values(await results(backend.send(host, changes, never)))).toEqual([
      'failed: MISSING_PROGRAM of host',
    ]);
  });

  test('a file that the receiver failed to write is not delivered, although it was listed as sent; the rest is', async () => {
    const { backend, host, here, there, calls, rootThere } = await open();
    const changes = await make(here, ['a.jpg', 'sub/b.jpg', 'z.jpg']);
    await there.replaceProgram(
      'rsync',
      `case "$*" in *--backup-dir*) rm -r '${rootThere}/${dir}/sub'; echo x > ` +
        `'${rootThere}/${dir}/sub' ;; esac\n${realRsync}`,
    );
    expect(await results(backend.send(host, changes, never))).toEqual({
      [`${dir}/a.jpg`]: 'delivered',
      [`${dir}/sub/b.jpg`]: 'failed: TRANSFER_FAILED of path',
      [`${dir}/z.jpg`]: 'delivered',
    });
    expect(calls.map(({ kind }) => kind)).toEqual(['transfer', 'verify']);
  });

  test('noise on stderr is examined, and received files count', async () => {
    const { backend, host, here, there, calls } = await open();
    await there.replaceProgram('rsync', `echo "profile: something is odd" >&2\n${realRsync}`);
    expect(
      Object.values(await results(backend.send(host, await make(here, ['a.jpg']), never))),
    ).toEqual(['delivered']);
    expect(calls.map(({ kind }) => kind)).toEqual(['transfer', 'verify']);
  });

  test('a receiver that breaks off in the middle is a failure of the host', async () => {
    const { backend, host, here, there } = await open();
    await there.replaceProgram('rsync', `case "$*" in *--server*) exit 3 ;; esac\n${realRsync}`);
    expect(
      Object.values(await results(backend.send(host, await make(here, ['a.jpg']), never))),
    ).toEqual(['failed: HOST_UNREACHABLE of host']);
  });

  test('a receiver that went silent is given up', async () => {
    const { backend, host, here, there } = await open({}, { smallFileLimit: 0, timeoutMs: 3_000 });
    await there.replaceProgram(
      'rsync',
      `case "$*" in *--server*) exec sleep 60 ;; esac\n${realRsync}`,
    );
    expect(
      Object.values(await results(backend.send(host, await make(here, ['a.jpg']), never))),
    ).toEqual(['failed: TIMED_OUT of host']);
  });

  test('a host that froze is given up, and so is the file', async () => {
    const opened = await open({}, { timeoutMs: 3_000 });
    const { backend, host, here, there } = opened;
    const changes = await make(here, ['a.jpg']);
    expect(await backend.prepare(host, [photos], never)).toBeUndefined();
    await there.freeze();
    try {
      expect(Object.values(await results(backend.send(host, changes, never)))).toEqual([
        'failed: TIMED_OUT of host',
      ]);
    } finally {
      await there.thaw();
    }
  });

  test('with protected arguments, as before 3.2.4, every root is found too', async () => {
    const { host, ssh, there, rootThere, here } = await open({
      rootName: `ro ot's [x]*? $(touch gone) \\ ;é`,
    });
    await put(rootThere, `${dir}/a.jpg`, 'a');
    const way = {
      target: await ssh.target(host),
      localVersion: '3.2.3',
      remoteVersion: '3.2.3',
      timeoutMs: 10_000,
      bandwidthLimit: undefined,
    };
    const names = async (root: string): Promise<string[]> => {
      const found: string[] = [];
      const command = makeCompareCommand(
        way,
        { local: join(here, dir), remote: `${root}/${dir}`, direction: 'fetch' },
        photos,
        [],
        'time',
      );
      const ended = await new RsyncProcess(command, { signal: never, silenceMs: 10_000 }).readAll(
        (line) => {
          found.push(parseItemizedLine(line)?.name ?? '');
        },
      );
      expect(ended).toEqual({ code: 0, stderr: '' });
      return found.filter((name) => name.endsWith('.jpg'));
    };
    expect(await names(rootThere)).toEqual(['a.jpg']);
    const plain = join(there.root, 'back\\slash');
    await put(plain, `${dir}/b.jpg`, 'b');
    expect(await names(plain)).toEqual(['b.jpg']);
  });

  test('rsync before 3.2.4 gets an option that keeps the shell there away from paths', () => {
    const way = {
      target: { alias: 'host-b', configFile: "/a b/it's", controlPath: '/c' },
      localVersion: '3.2.3',
      remoteVersion: '3.1.0',
      timeoutMs: 1_500,
      bandwidthLimit: 9,
    };
    const args = makeTransferCommand(
      way,
      { local: '/here', remote: '/there/[x]', direction: 'fetch' },
      { chmod: 'F644', tmp: '.syncmedia/tmp', replacedFolder: 'one' },
    ).args();
    expect(args).toEqual(
      expect.arrayContaining([
        '--protect-args',
        '--timeout=2',
        '--bwlimit=9',
        "--rsh=ssh -F '/a b/it''s' -S /c",
      ]),
    );
    expect(args).not.toContain('--fsync');
    expect(args.slice(-3)).toEqual(['--', 'host-b:/there/\\[x]/', '/here/']);
  });
});
