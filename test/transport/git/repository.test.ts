import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  mkdir,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { requireSafePath } from '../../../src/replica/paths.js';
import { forgetPaths } from '../../../src/transport/git/forget.js';
import { listVersions, readVersion } from '../../../src/transport/git/list.js';
import { maintainRepository } from '../../../src/transport/git/maintain.js';
import { recordVersions } from '../../../src/transport/git/record.js';
import { formatDay } from '../../../src/model/clock.js';
import { Repository } from '../../../src/transport/git/repository.js';
import type { Path } from '../../../src/model/path.js';
import { never, photos, put, self } from '../site.js';
import { hostileNames, limits, makeRepositorySite, readAll, type RepositorySite } from './site.js';

const dayMs = 24 * 60 * 60_000;
let site: RepositorySite;

beforeEach(async () => {
  site = await makeRepositorySite();
});
afterEach(async () => {
  // Whatever a test did, the repository is sound.
  await site.git('fsck', '--strict', '--no-dangling');
  await site.close();
});

const list = (path: Path, limit = 100): ReturnType<typeof listVersions> =>
  listVersions(site.repository, path, limit, never);
const pathOf = (name: string): Path => requireSafePath(`${photos.path}/${name}`);
const readText = async (version: Parameters<typeof readVersion>[1]): Promise<string> =>
  (await readAll(readVersion(site.repository, version, never))).toString();

/** The time of a request after everything that a test has recorded. */
const later = new Date(Date.now() + 60 * 60_000);

describe('recording', () => {
  test('each version of a file is listed, newest first, with document, author and host', async () => {
    const first = await site.save('a.jpg', 'first', 'v1');
    await site.record([{ ...first, savedBy: { model: 'Photo', id: '7' }, author: 'Ada <x>\n' }]);
    const second = await site.save('a.jpg', 'second', 'v2');
    await site.record([{ ...second, at: new Date(first.at.getTime() + 1000) }]);
    const removedAt = new Date(first.at.getTime() + 2000);
    await site.record([{ path: first.path, version: 'v3', at: removedAt }]);

    const versions = await list(first.path);
    expect(versions).toMatchObject([
      { version: 'v3', as: 'removed', at: removedAt },
      { version: 'v2', as: 'stored', author: 'syncmedia' },
      { version: 'v1', author: 'Ada x', savedBy: { model: 'Photo', id: '7' }, host: self },
    ]);
    expect(await readText(versions[2]!)).toBe('first');
    expect(await readText(versions[1]!)).toBe('second');
    await expect(readText(versions[0]!)).rejects.toMatchObject({ code: 'NOT_RECORDED' });
  });

  test('the message of a commit names model, document and host', async () => {
    const request = await site.save('a.jpg', 'x', 'v1');
    await site.record([{ ...request, savedBy: { model: 'Photo', id: '7' } }]);
    expect(await site.git('log', '--branches', '--format=%s')).toBe(
      `Photo 7: ${photos.path}/a.jpg (one)\n`,
    );
  });

  test('every hostile name is recorded twice, listed and read back', async () => {
    const { repository } = site;
    for (const text of ['first', 'second']) {
      const requests = [];
      for (const name of hostileNames)
        requests.push(await site.save(name, `${text} ${name}\r\n`, `${text}-v`));
      expect(await site.record(requests)).toEqual([]);
    }
    for (const name of hostileNames) {
      const versions = await listVersions(repository, pathOf(name), 10, never);
      expect(versions.map(({ version }) => version).sort()).toEqual(['first-v', 'second-v']);
      const first = versions.find(({ version }) => version === 'first-v');
      expect(await readText(first!)).toBe(`first ${name}\r\n`);
    }
  });

  test("a visitor's .gitattributes and .gitignore change nothing", async () => {
    const bytes = 'one\r\ntwo\n$Id$\r\n';
    await put(site.root, `${photos.path}/.gitattributes`, '* text eol=lf ident\n');
    await put(site.root, `${photos.path}/.gitignore`, '*\n');
    const request = await site.save('a.txt', bytes, 'v1');
    await site.record([request]);
    const [version] = await list(request.path);
    expect(await readText(version!)).toBe(bytes);
  });

  test('a version with the bytes of its predecessor is listed too', async () => {
    const request = await site.save('a.jpg', 'same', 'v1');
    await site.record([request]);
    await site.record([{ ...request, version: 'v2' }]);
    expect(await list(request.path)).toHaveLength(2);
  });

  test('a version that is recorded twice is listed once', async () => {
    const request = await site.save('a.jpg', 'x', 'v1');
    await site.record([request]);
    await site.record([request]);
    expect(await list(request.path)).toHaveLength(1);
  });

  test('two versions of a file within a second have a revision each', async () => {
    const first = await site.save('a.jpg', 'first', 'v1');
    await site.record([
      { ...first, bytes: Buffer.from('first') },
      await site.save('b.jpg', 'of the same save', 'v1'),
      { ...(await site.save('a.jpg', 'second', 'v2')), at: first.at },
    ]);
    const versions = await list(first.path);
    expect(versions.map(({ version }) => version).sort()).toEqual(['v1', 'v2']);
    expect(new Set(versions.map(({ revision }) => revision)).size).toBe(2);
  });

  test('bytes that are not those of the version are refused, and the others are recorded', async () => {
    const [changed, kept] = [
      await site.save('changed.jpg', 'before', 'v1'),
      await site.save('kept.jpg', 'kept', 'v2'),
    ];
    await put(site.root, changed.path, 'afters', changed.info?.mtime);
    const unrecorded = await site.record([changed, kept]);
    expect(unrecorded).toMatchObject([
      { request: { path: changed.path }, failure: { code: 'NOT_RECORDED', retryable: false } },
    ]);
    expect(await list(changed.path)).toEqual([]);
    expect(await list(kept.path)).toHaveLength(1);
  });

  test('bytes that the caller kept are recorded although the file was replaced', async () => {
    const request = await site.save('a.jpg', 'kept', 'v1');
    await put(site.root, request.path, 'replaced');
    expect(await site.record([{ ...request, bytes: Buffer.from('kept') }])).toEqual([]);
    const [version] = await list(request.path);
    expect(await readText(version!)).toBe('kept');
  });

  test('a file that is too large is named with its hash, and not stored', async () => {
    const request = await site.save('large.mp4', Buffer.alloc(limits.maxFileBytes + 1), 'v1');
    await site.record([request]);
    const [version] = await list(request.path);
    expect(version).toMatchObject({ as: 'named', info: { sha256: request.info?.sha256 } });
    await expect(readText(version!)).rejects.toMatchObject({ code: 'NOT_RECORDED' });
    expect(await site.git('count-objects', '-v')).toMatch(/^size: [0-9]{1,3}$/m);
  });

  test('a file above the threshold at which git streams comes back as it was', async () => {
    const larger = await makeRepositorySite({ maxFileBytes: 16 * 1024 ** 2 });
    try {
      const bytes = Buffer.alloc(3 * 1024 ** 2 + 17, 'abcdefg');
      await larger.record([await larger.save('large.mp4', bytes, 'v1')]);
      const [version] = await listVersions(larger.repository, pathOf('large.mp4'), 1, never);
      const read = await readAll(readVersion(larger.repository, version!, never));
      expect(read.equals(bytes)).toBe(true);
    } finally {
      await larger.close();
    }
  });

  test('objects and refs are flushed by configuration, whatever the configuration was', async () => {
    const config = join(site.repository.gitDir, 'config');
    await writeFile(config, '[core]\n\tfsync = none\n\tfsmonitor = /bin/false\n');
    await site.repository.open(never);
    expect(await site.git('config', 'core.fsync')).toBe('committed,reference\n');
    expect(await site.git('config', 'core.hooksPath')).toBe('/dev/null\n');
    expect((await stat(site.repository.gitDir)).mode & 0o777).toBe(0o700);
  });

  test('each day begins with a commit without a parent', async () => {
    const request = await site.save('a.jpg', 'x', 'v1');
    const yesterday = new Date(Date.now() - dayMs);
    await site.record([request], yesterday);
    await site.record([{ ...request, version: 'v2' }]);
    const days = await site.repository.listDays(never);
    expect(days.map(({ day }) => day)).toEqual([formatDay(yesterday), formatDay(new Date())]);
    expect(await site.git('rev-list', '--count', days[1]!.ref)).toBe('1\n');
  });

  test('a cancelled record leaves nothing behind', async () => {
    const request = await site.save('a.jpg', 'x', 'v1');
    const { repository, replica } = site;
    await expect(
      recordVersions(
        { repository, replica, limits, hostname: 'one' },
        [request],
        AbortSignal.abort(),
      ),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await list(request.path)).toEqual([]);
  });
});

describe('what a crash leaves', () => {
  test('an empty object does not keep its content out for ever', async () => {
    const request = await site.save('a.jpg', 'content', 'v1');
    await site.record([request]);
    const objects = join(site.repository.gitDir, 'objects');
    for (const folder of await readdir(objects))
      if (folder.length === 2)
        for (const name of await readdir(join(objects, folder))) {
          await chmod(join(objects, folder, name), 0o600);
          await truncate(join(objects, folder, name));
        }
    // The ref leads to a commit that is gone: a power loss without flushing would do that.
    await site
      .git('update-ref', '-d', await site.repository.findDayRef(formatDay(new Date())))
      .catch(() => '');
    await rm(join(site.repository.gitDir, 'refs/heads', self), { recursive: true, force: true });
    await site.repository.open(never);
    await site.record([request]);
    expect(await list(request.path)).toHaveLength(1);
  });

  test("a lock of this host's refs does not block it", async () => {
    const request = await site.save('a.jpg', 'content', 'v1');
    await site.record([request]);
    const old = new Date(Date.now() - 60_000);
    for (const lock of [
      join(
        site.repository.gitDir,
        `${await site.repository.findDayRef(formatDay(new Date()))}.lock`,
      ),
      `${site.repository.gitDir}/packed-refs.lock`,
    ]) {
      await writeFile(lock, '');
      await utimes(lock, old, old);
    }
    await site.repository.open(never);
    await site.record([{ ...request, version: 'v2' }]);
    expect(await list(request.path)).toHaveLength(2);
  });

  test('hooks and info files are removed', async () => {
    const { gitDir } = site.repository;
    await mkdir(join(gitDir, 'hooks'));
    await writeFile(join(gitDir, 'hooks/reference-transaction'), '#!/bin/sh\nexit 1\n', {
      mode: 0o755,
    });
    await mkdir(join(gitDir, 'info'));
    await writeFile(join(gitDir, 'info/attributes'), '* text\n');
    await site.repository.open(never);
    expect((await readdir(gitDir)).sort()).toEqual([
      'HEAD',
      'config',
      'instance',
      'objects',
      'refs',
    ]);
  });

  test('a folder that is a symlink is refused', async () => {
    const link = `${site.root}/../link`;
    await symlink(site.repository.gitDir, link);
    await expect(new Repository(link, self, 10_000).open(never)).rejects.toMatchObject({
      code: 'BAD_STATE',
    });
  });
});

test('a repository that was made anew begins another chain, which the old one does not keep out', async () => {
  const request = await site.save('a.jpg', 'content', 'v1');
  await site.record([request]);
  const [before] = await site.repository.listDays(never);
  await rm(site.repository.gitDir, { recursive: true });
  await site.repository.open(never);
  await site.record([request]);
  const [after] = await site.repository.listDays(never);
  expect(after?.day).toBe(before?.day);
  expect(after?.ref).not.toBe(before?.ref);
});

describe('maintaining', () => {
  test('a version that is replaced today is kept as long as if it were recorded today', async () => {
    const old = new Date(Date.now() - 29 * dayMs);
    const first = await site.save('a.jpg', 'first', 'v1');
    await site.record([{ ...first, savedBy: { model: 'Photo', id: '7' }, author: 'Ada' }], old);
    const second = await site.save('a.jpg', 'second', 'v2');
    await site.record([{ ...second, replaces: 'v1' }]);
    await maintainRepository(site.repository, { ...limits, days: 5 }, never);
    const versions = await list(first.path);
    expect(versions).toMatchObject([
      { version: 'v2' },
      { version: 'v1', author: 'Ada', savedBy: { model: 'Photo', id: '7' }, at: first.at },
    ]);
    expect(await readText(versions[1]!)).toBe('first');
  });

  test('removes days that are too old, of every host, and refs that are no day', async () => {
    const request = await site.save('a.jpg', 'old', 'v1');
    await site.record([request], new Date(Date.now() - 40 * dayMs));
    await site.record([{ ...request, version: 'v2' }]);
    const [, today] = await site.repository.listDays(never);
    await site.git('update-ref', 'refs/heads/host-x/2099-01-01.00000000', today!.tip);
    await site.git('update-ref', 'refs/heads/host-x', today!.tip).catch(() => '');
    await site.git('update-ref', 'refs/tags/x', today!.tip);
    const size = await maintainRepository(site.repository, limits, never);
    expect(await site.git('for-each-ref', '--format=%(refname)')).toBe(`${today!.ref}\n`);
    expect(await list(request.path)).toMatchObject([{ version: 'v2' }]);
    expect(size.oldest?.toISOString().slice(0, 10)).toBe(today!.day);
  });

  test('a day that another host pushes meanwhile stays', async () => {
    await site.record([await site.save('a.jpg', 'content', 'v1')]);
    const [mine] = await site.repository.listDays(never);
    const pushed = `refs/heads/host-b/${mine!.day}.00000001`;
    const { repository } = site;
    const run = repository.run.bind(repository);
    const running = vi.spyOn(repository, 'run').mockImplementation(async (args, options) => {
      const answer = await run(args, options);
      if (args[0] === 'for-each-ref') await run(['update-ref', pushed, mine!.tip], options);
      return answer;
    });
    await maintainRepository(repository, limits, never);
    running.mockRestore();
    expect((await repository.listDays(never)).map(({ ref }) => ref)).toContain(pushed);
  });

  test('removes the oldest days until the rest is small enough, but not today', async () => {
    for (const age of [3, 2, 1, 0]) {
      const request = await site.save('a.jpg', randomBytes(200_000), `v${String(age)}`);
      await site.record([request], new Date(Date.now() - age * dayMs));
    }
    await maintainRepository(site.repository, { days: 30, maxBytes: 450_000 }, never);
    const versions = await list(pathOf('a.jpg'));
    expect(versions.map(({ version }) => version).sort()).toEqual(['v0', 'v1']);
  });

  test('a host that floods the history of another one loses its own days, and nobody else does', async () => {
    const request = await site.save('a.jpg', randomBytes(100_000), 'old');
    await site.record([request], new Date(Date.now() - 2 * dayMs));
    const flood = await site.save('flood.jpg', randomBytes(600_000), 'flood');
    await site.record([flood]);
    const [, today] = await site.repository.listDays(never);
    await site.git('update-ref', `refs/heads/host-b/${today!.day}.00000001`, today!.tip);
    await site.git('update-ref', '-d', today!.ref);
    await maintainRepository(site.repository, { days: 30, maxBytes: 400_000 }, never);
    expect(await list(request.path)).toMatchObject([{ version: 'old' }]);
    expect(await list(flood.path)).toEqual([]);
  });

  test('everything that is kept can be read after packing', async () => {
    const request = await site.save('a.jpg', 'content', 'v1');
    await site.record([request]);
    await maintainRepository(site.repository, limits, never);
    await maintainRepository(site.repository, limits, never);
    const [version] = await list(request.path);
    expect(await readText(version!)).toBe('content');
    await site.record([{ ...request, version: 'v2' }]);
    expect(await list(request.path)).toHaveLength(2);
  });
});

describe('forgetting', () => {
  test('a path is gone from the history with its bytes, and nothing else is', async () => {
    const secret = await site.save('secret.jpg', 'a secret', 's1');
    const other = await site.save('other.jpg', 'other', 'o1');
    const below = await site.save('secret.jpg.d/x', 'below', 'b1');
    await site.record([other]);
    await site.record([secret, below]);
    await site.record([{ path: secret.path, version: 's2', at: new Date() }]);
    await site.record([{ ...other, version: 'o2' }]);
    const blob = (await site.git('hash-object', '-t', 'blob', join(site.root, secret.path))).trim();
    expect(await site.git('cat-file', '-t', blob)).toBe('blob\n');

    // Another host has sent this object, and sets its ref a moment later.
    const sent = await site.repository.run(['hash-object', '-w', '--stdin'], {
      signal: never,
      doing: 'testing',
      input: 'sent by another host',
    });

    await forgetPaths(site.repository, [{ path: secret.path, at: later }], never);
    expect(await site.git('cat-file', '-t', sent.output.toString().trim())).toBe('blob\n');

    expect(await list(secret.path)).toEqual([]);
    expect((await list(other.path)).map(({ version }) => version).sort()).toEqual(['o1', 'o2']);
    expect(await list(below.path)).toHaveLength(1);
    await expect(site.git('cat-file', '-t', blob)).rejects.toMatchObject({
      code: 'HISTORY_FAILED',
    });
    expect(await site.git('log', '--branches', '--format=%B')).not.toContain('secret.jpg"');
  });

  test('two hosts that forget get the same chain, and go on from it', async () => {
    const secret = await site.save('secret.jpg', 'a secret', 's1');
    const other = await site.save('other.jpg', 'other', 'o1');
    await site.record([other]);
    await site.record([secret]);
    await site.record([{ ...other, version: 'o2' }]);
    const copy = new Repository(`${site.root}/../copy`, 'host-b', 30_000);
    await copy.open(never);
    await promisify(execFile)('cp', ['-a', `${site.repository.gitDir}/.`, copy.gitDir]);
    await site.record([{ ...other, version: 'o3' }]);
    await forgetPaths(site.repository, [{ path: secret.path, at: later }], never);
    await forgetPaths(copy, [{ path: secret.path, at: later }], never);
    const [mine] = await site.repository.listDays(never);
    const [theirs] = await copy.listDays(never);
    expect(await site.git('rev-parse', `${mine!.ref}~1`)).toBe(`${theirs!.tip}\n`);
  });

  test('versions that were recorded after the request stay, also when it is carried out again', async () => {
    const secret = await site.save('secret.jpg', 'a secret', 's1');
    await site.record([secret]);
    await forgetPaths(site.repository, [{ path: secret.path, at: later }], never);
    await site.record([await site.save('secret.jpg', 'public now', 's2')]);
    const [{ tip } = { tip: '' }] = await site.repository.listDays(never);
    await forgetPaths(
      site.repository,
      [{ path: secret.path, at: new Date(Date.now() - 60_000) }],
      never,
    );
    expect((await list(secret.path)).map(({ version }) => version)).toEqual(['s2']);
    expect((await site.repository.listDays(never)).map((day) => day.tip)).toEqual([tip]);
  });

  test('a removal that failed after the days were written anew goes on at the next try', async () => {
    const secret = await site.save('secret.jpg', 'a secret', 's1');
    await site.record([await site.save('other.jpg', 'other', 'o1')]);
    await site.record([secret]);
    const blob = (await site.git('hash-object', '-t', 'blob', join(site.root, secret.path))).trim();
    const lock = join(site.repository.gitDir, 'objects/info/commit-graph.lock');
    await mkdir(join(lock, '..'), { recursive: true });
    await writeFile(lock, '');
    const requests = [{ path: secret.path, at: later }];
    await expect(forgetPaths(site.repository, requests, never)).rejects.toMatchObject({
      code: 'HISTORY_FAILED',
    });
    // The leader opens the repository again after a failure.
    await rm(lock);
    await site.repository.open(never);
    expect(await forgetPaths(site.repository, requests, never)).toBe(true);
    await expect(site.git('cat-file', '-t', blob)).rejects.toMatchObject({
      code: 'HISTORY_FAILED',
    });
    expect(await forgetPaths(site.repository, requests, never)).toBe(false);
  });

  test('a day that has only that path is removed', async () => {
    const secret = await site.save('secret.jpg', 'a secret', 's1');
    await site.record([secret]);
    await forgetPaths(site.repository, [{ path: secret.path, at: later }], never);
    expect(await site.repository.listDays(never)).toEqual([]);
  });
});

describe('what another host may have written', () => {
  test('a commit that says nonsense is left out', async () => {
    const request = await site.save('a.jpg', 'x', 'v1');
    await site.record([request]);
    const [day] = await site.repository.listDays(never);
    const tree = (await site.git('rev-parse', `${day!.tip}^{tree}`)).trim();
    const messages = [
      'no trailer',
      'Syncmedia-Version: {"path":"../../etc/passwd","version":"x","as":"stored"}',
      `Syncmedia-Version: {"path":${JSON.stringify(request.path)},"version":"x y","as":"stored"}`,
      'Syncmedia-Version: nonsense\u0001\u0002',
    ];
    for (const message of messages) {
      const commit = (await site.git('commit-tree', tree, '-m', message).catch(() => '')).trim();
      if (commit) await site.git('update-ref', 'refs/heads/host-x/2026-01-01.00000000', commit);
      expect((await list(request.path)).map(({ version }) => version)).toEqual(['v1']);
    }
  });

  test('stored bytes that differ from what the record says are not handed out', async () => {
    const request = await site.save('a.jpg', 'right', 'v1');
    await site.record([request]);
    const [version] = await list(request.path);
    await expect(
      readText({ ...version!, info: { ...version!.info!, sha256: 'f'.repeat(64) } }),
    ).rejects.toMatchObject({ code: 'HISTORY_FAILED' });
  });

  test('the configuration of this user and variables of git change nothing', async () => {
    process.env['GIT_DIR'] = '/nowhere';
    process.env['GIT_CONFIG_PARAMETERS'] = "'core.bare=false'";
    try {
      const request = await site.save('a.jpg', 'x', 'v1');
      await site.record([request]);
      expect(await list(request.path)).toHaveLength(1);
    } finally {
      delete process.env['GIT_DIR'];
      delete process.env['GIT_CONFIG_PARAMETERS'];
    }
  });
});

test('HEAD names no branch, so nothing could be checked out', async () => {
  expect(await readFile(join(site.repository.gitDir, 'HEAD'), 'utf8')).toBe(
    'ref: refs/heads/none\n',
  );
});
