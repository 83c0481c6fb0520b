import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { setGateHistory } from '../../src/access/gate.js';
import { formatDay } from '../../src/model/clock.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { createGitBackend } from '../../src/transport/git/git-backend.js';
import { maintainRepository } from '../../src/transport/git/maintain.js';
import { Repository } from '../../src/transport/git/repository.js';
import type { Backend } from '../../src/transport/backend.js';
import { SshConfig } from '../../src/transport/ssh/ssh-config.js';
import { limits } from '../transport/git/site.js';
import { makeSite, never, photos, put, self, type Site } from '../transport/site.js';
import { confine, gateIsMissing, readKey } from './confined.js';

const dir = photos.path;
const rogue = 'host-x';
const today = formatDay(new Date());

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let site: Site;
let history: NonNullable<Backend['history']>;
let there: Repository;
let own: Repository;
let here: string;
/** ssh of each host, as arguments. */
let sshOf: Record<string, string[]>;

const run = (
  program: string,
  args: readonly string[],
  env = {},
  input: readonly (string | Buffer)[] = [],
): Promise<Ended> =>
  new Promise((resolve) => {
    const options = { timeout: 20_000, env: { ...process.env, ...env } };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr });
    });
    // It may refuse before it has read everything.
    child.stdin?.on('error', () => undefined);
    for (const part of input) child.stdin?.write(part);
    if (input.length > 0) child.stdin?.end();
  });
const exec = (host: string, command: string, input?: (string | Buffer)[]): Promise<Ended> =>
  run('ssh', [...(sshOf[host] ?? []), command], {}, input);
/** A push as a rogue host would make it, with git's own ssh, any refspec, and much compressed. */
const push = (host: string, ...args: string[]): Promise<Ended> =>
  run('git', ['-c', 'pack.compression=9', `--git-dir=${here}`, 'push', '--porcelain', ...args], {
    GIT_SSH_COMMAND: ['ssh', ...(sshOf[host] ?? [])].slice(0, -1).join(' '),
    GIT_CONFIG_GLOBAL: '/dev/null',
  });
const git = async (args: string[], input: string[] = []): Promise<string> =>
  (await run('git', [`--git-dir=${here}`, ...args], {}, input)).stdout.trim();
/** A commit whose tree has only this file. */
async function commitFile(blob: string, name: string): Promise<string> {
  const tree = await git(['mktree'], [`100644 blob ${blob}\t${name}\n`]);
  return git(['-c', 'user.name=x', '-c', 'user.email=x@x', 'commit-tree', tree, '-m', 'x']);
}
const remote = (host: string): string => `${sshOf[host]?.at(-1) ?? ''}:syncmedia-history`;
const listRefs = async (): Promise<string> =>
  (
    await there.run(['for-each-ref', '--format=%(refname)'], { signal: never, doing: 'testing' })
  ).output.toString();

async function record(name: string, version: string): Promise<void> {
  const path = requireSafePath(`${dir}/${name}`);
  await put(site.here, path, `content of ${name} ${version}`);
  const info = await site.options.replica.hash(path);
  if (!info) throw new Error('nothing was written');
  expect(await history.record([{ path, version, at: new Date(), info }], never)).toEqual([]);
}

describe.skipIf(gateIsMissing !== undefined)("another host's history", () => {
  beforeAll(async () => {
    site = await makeSite(
      (options) =>
        createGitBackend({
          ...options,
          history: {
            ...limits,
            stateDir: join(options.replica.rootPath, '../state'),
            hostname: 'a',
          },
        }),
      { confined: true },
    );
    history = site.backend.history!;
    here = history.place;
    own = new Repository(here, self, 30_000);
    const identities: Record<string, string> = {
      [self]: join(site.here, '../id_ed25519'),
      [rogue]: join(site.here, '../id_rogue'),
    };
    await promisify(execFile)('ssh-keygen', [
      ...['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', identities[rogue] ?? ''],
    ]);
    const keys = [];
    for (const [id, file] of Object.entries(identities))
      keys.push({ id, publicKey: await readKey(file) });
    await confine(site.there, site.rootThere, [dir], ...keys);
    sshOf = {};
    for (const [id, identityFile] of Object.entries(identities)) {
      const stateDir = join(site.here, `../ssh-${id}`);
      const config = new SshConfig({ stateDir, identityFile, timeoutMs: 10_000, idleMs: 1_000 });
      const { configFile, alias } = await config.write(site.host);
      sshOf[id] = ['-F', configFile, '-o', 'ControlMaster=no', '-o', 'ControlPath=none', alias];
    }
  });
  afterAll(async () => {
    await site.close();
  });
  beforeEach(async () => {
    for (const place of [
      join(site.there.stateDir, 'git'),
      here,
      `${join(here, '..')}/git-shared.json`,
    ])
      await rm(place, { recursive: true, force: true });
    there = new Repository(join(site.there.stateDir, 'git'), 'host-b', 30_000);
    await there.open(never);
    await setGateHistory(site.there.stateDir, {
      repository: there.gitDir,
      maxBytes: limits.maxBytes,
    });
    await history.open(never);
  });

  test('gets the days of this host, and only what has grown since', async () => {
    await record('a.jpg', 'v1');
    expect(await history.share(site.host, never)).toBeUndefined();
    expect(await listRefs()).toBe(`${await own.findDayRef(today)}\n`);
    await record('a.jpg', 'v2');
    expect(await history.share(site.host, never)).toBeUndefined();
    const [day] = await there.listDays(never);
    const { output } = await there.run(['rev-list', '--count', day!.tip], {
      signal: never,
      doing: 'testing',
    });
    expect(output.toString()).toBe('2\n');
    await there.run(['fsck', '--strict'], { signal: never, doing: 'testing' });
  });

  test('gets all days again once it has begun anew, and not those that it has removed', async () => {
    const begun = (at: number) => ({
      ...site.host,
      history: { adoption: { since: new Date(at), files: 0, bytes: 0 } },
    });
    await record('a.jpg', 'v1');
    expect(await history.share(begun(1), never)).toBeUndefined();
    await rm(there.gitDir, { recursive: true });
    await there.open(never);
    expect(await history.share(begun(1), never)).toBeUndefined();
    expect(await listRefs()).toBe('');
    expect(await history.share(begun(2), never)).toBeUndefined();
    expect(await listRefs()).toBe(`${await own.findDayRef(today)}\n`);
  });

  test('arrives in several pushes where one would exceed the limit of a push', async () => {
    const maxBytes = 4 * 1024 ** 2;
    const backend = createGitBackend({
      ...site.options,
      history: {
        ...limits,
        maxBytes,
        stateDir: join(site.options.replica.rootPath, '../state'),
        hostname: 'a',
      },
    });
    const small = backend.history!;
    await setGateHistory(site.there.stateDir, { repository: there.gitDir, maxBytes });
    const versions = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6'];
    for (const version of versions) {
      const path = requireSafePath(`${dir}/a.jpg`);
      await put(site.here, path, randomBytes(900_000));
      const info = (await site.options.replica.hash(path)) ?? expect.fail('nothing was written');
      expect(await small.record([{ path, version, at: new Date(), info }], never)).toEqual([]);
    }
    try {
      expect(await small.share(site.host, never)).toBeUndefined();
      const [mine] = await own.listDays(never);
      expect((await there.listDays(never)).map(({ tip }) => tip)).toEqual([mine?.tip]);
      await there.run(['fsck', '--strict'], { signal: never, doing: 'testing' });
      // The control: the same days by one push.
      await there.run(['update-ref', '-d', mine?.ref ?? ''], { signal: never, doing: 'testing' });
      await there.run(['prune', '--expire=now'], { signal: never, doing: 'testing' });
      const refused = await push(self, remote(self), `${mine?.tip ?? ''}:${mine?.ref ?? ''}`);
      expect(refused.stderr).toContain('exceeds maximum allowed size');
    } finally {
      await backend.close();
    }
  });

  test('takes the next days although a connection broke off at a lock', async () => {
    await record('a.jpg', 'v1');
    expect(await history.share(site.host, never)).toBeUndefined();
    await record('a.jpg', 'v2');
    const lock = join(there.gitDir, `${await own.findDayRef(today)}.lock`);
    await writeFile(lock, '');
    // Its owner may still be working.
    expect(await history.share(site.host, never)).toMatchObject({ code: 'HISTORY_FAILED' });
    const then = Date.now() / 1000 - 120;
    await utimes(lock, then, then);
    expect(await history.share(site.host, never)).toBeUndefined();
    expect((await there.listDays(never))[0]?.tip).toBe((await own.listDays(never))[0]?.tip);
  });

  test('is not reached without one, and the failure names the remedy', async () => {
    await record('a.jpg', 'v1');
    await setGateHistory(site.there.stateDir, undefined);
    expect(await history.share(site.host, never)).toMatchObject({
      code: 'HISTORY_FAILED',
      scope: 'host',
      message: expect.stringContaining('backend git') as string,
    });
    expect(await listRefs()).toBe('');
  });

  test('takes no refs that are not those of the host whose key it is', async () => {
    await record('a.jpg', 'v1');
    const mine = await own.findDayRef(today);
    expect((await push(self, remote(self), `${mine}:${mine}`)).code).toBe(0);
    for (const ref of [
      mine,
      `refs/heads/${self}x/${today}`,
      'refs/heads/main',
      'refs/tags/x',
      'refs/syncmedia/x',
      'refs/replace/x',
      'HEAD',
    ]) {
      const ended = await push(rogue, remote(rogue), `+${mine}:${ref}`);
      expect(ended.code, ref).not.toBe(0);
    }
    expect(await listRefs()).toBe(`${mine}\n`);
    const theirs = `refs/heads/${rogue}/${today}.00000000`;
    expect((await push(rogue, remote(rogue), `${mine}:${theirs}`)).code).toBe(0);
  });

  test('is neither rewritten nor deleted, not even by the host that wrote it', async () => {
    await record('a.jpg', 'v1');
    await record('a.jpg', 'v2');
    const ref = await own.findDayRef(today);
    expect(await history.share(site.host, never)).toBeUndefined();
    const before = await there.listDays(never);
    expect((await push(self, '--force', remote(self), `${ref}~1:${ref}`)).stdout).toContain(
      'non-fast-forward',
    );
    expect((await push(self, remote(self), `:${ref}`)).code).not.toBe(0);
    expect((await push(rogue, '--force', remote(rogue), `${ref}~1:${ref}`)).code).not.toBe(0);
    expect((await push(rogue, '--force', remote(rogue), `:${ref}`)).code).not.toBe(0);
    expect(await there.listDays(never)).toEqual(before);
  });

  test('is not read by another host', async () => {
    for (const command of [
      "git-upload-pack 'syncmedia-history'",
      "git-upload-archive 'syncmedia-history'",
      `git-upload-pack '${there.gitDir}'`,
    ])
      expect((await exec(self, command)).code, command).toBe(77);
  });

  test('is the only repository, by exactly one command', async () => {
    await mkdir(join(site.rootThere, dir, 'other'), { recursive: true });
    await promisify(execFile)('git', ['init', '-q', '--bare', join(site.rootThere, dir, 'other')]);
    for (const command of [
      `git-receive-pack '${join(site.rootThere, dir, 'other')}'`,
      `git-receive-pack '${there.gitDir}'`,
      'git-receive-pack syncmedia-history',
      'git receive-pack syncmedia-history',
      "git-receive-pack 'syncmedia-history' ",
      "git-receive-pack  'syncmedia-history'",
      "git-receive-pack 'syncmedia-history'; id",
      "git-receive-pack 'syncmedia-history'\nid",
      "git-receive-pack 'syncmedia-history/../..'",
      "git-receive-pack --advertise-refs 'syncmedia-history'",
      'git-shell -c "git-receive-pack \'syncmedia-history\'"',
      'git',
    ])
      expect((await exec(self, command)).code, command).toBe(77);
  });

  test('runs no hook and keeps its configuration, whatever lies there', async () => {
    await record('a.jpg', 'v1');
    const proof = join(site.rootThere, dir, 'proof');
    await mkdir(join(there.gitDir, 'hooks'));
    for (const hook of [
      'pre-receive',
      'update',
      'post-receive',
      'post-update',
      'reference-transaction',
    ]) {
      await writeFile(join(there.gitDir, 'hooks', hook), `#!/bin/sh\ntouch '${proof}'\n`);
      await chmod(join(there.gitDir, 'hooks', hook), 0o755);
    }
    const config = await readFile(join(there.gitDir, 'config'), 'utf8');
    await writeFile(
      join(there.gitDir, 'config'),
      config.replace('hooksPath = /dev/null', 'hooksPath = hooks'),
    );
    const before = await readFile(join(there.gitDir, 'config'), 'utf8');
    expect(await history.share(site.host, never)).toBeUndefined();
    expect(await readdir(join(site.rootThere, dir))).not.toContain('proof');
    expect(await readFile(join(there.gitDir, 'config'), 'utf8')).toBe(before);
    expect((await readdir(there.gitDir)).sort()).toEqual([
      'HEAD',
      'config',
      'hooks',
      'instance',
      'objects',
      'refs',
    ]);
  });

  test('takes no more than its limit', async () => {
    await setGateHistory(site.there.stateDir, { repository: there.gitDir, maxBytes: 100_000 });
    const path = requireSafePath(`${dir}/large.jpg`);
    await put(site.here, path, Buffer.alloc(300_000, 'x'));
    const info = await site.options.replica.hash(path);
    await history.record([{ path, version: 'v1', at: new Date(), info: info! }], never);
    expect(await history.share(site.host, never)).toMatchObject({ code: 'HISTORY_FAILED' });
    expect(await listRefs()).toBe('');
    // A history that is full already takes nothing at all.
    await writeFile(join(there.gitDir, 'objects/pack/pack-x.pack'), Buffer.alloc(200_000));
    await rm(here, { recursive: true });
    await history.open(never);
    await record('small.jpg', 'v2');
    expect(await history.share(site.host, never)).toMatchObject({
      message: expect.stringContaining('full') as string,
    });
    await rm(join(there.gitDir, 'objects/pack/pack-x.pack'));
  });

  test('takes no object that git could not check', async () => {
    await record('a.jpg', 'v1');
    const blob = await git(['rev-parse', `${await own.findDayRef(today)}:files/${dir}/a.jpg/v1`]);
    const commit = await commitFile(blob, '.git');
    const ended = await push(self, remote(self), `${commit}:refs/heads/${self}/2026-01-01`);
    expect(ended.code).not.toBe(0);
    expect(await listRefs()).toBe('');
  });

  test('stays as small as what was sent, also once it is packed', async () => {
    const zeros = join(site.here, '../zeros');
    await writeFile(zeros, '');
    await truncate(zeros, 64 * 1024 ** 2);
    const commit = await commitFile(await git(['hash-object', '-w', zeros]), 'zeros');
    const ref = `refs/heads/${rogue}/${today}.00000000`;
    const pushed = await push(rogue, remote(rogue), `${commit}:${ref}`);
    expect(pushed.code, pushed.stderr).toBe(0);
    const measure = async (): Promise<number> => {
      const { output } = await there.run(['count-objects', '-v'], { signal: never, doing: 'x' });
      const sizes = [...output.toString().matchAll(/^size(?:-pack)?: (\d+)$/gm)];
      return sizes.reduce((sum, [, size]) => sum + Number(size) * 1024, 0);
    };
    expect(await measure()).toBeLessThan(1024 ** 2);
    await maintainRepository(there, limits, never);
    expect(await measure()).toBeLessThan(1024 ** 2);
  });

  test('takes no object for which git would need very much memory', async () => {
    const size = 3 * 1024 ** 3;
    const head = [0x90 | (size % 16)];
    for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
      head[head.length - 1]! |= 0x80;
      head.push(rest % 128);
    }
    const pack = Buffer.concat([
      Buffer.from('PACK\0\0\0\u0002\0\0\0\u0001', 'latin1'),
      Buffer.from(head),
      deflateSync(Buffer.alloc(1_000)),
    ]);
    const ref = `refs/heads/${rogue}/${today}.00000000`;
    const command = `${'0'.repeat(40)} ${'1'.repeat(40)} ${ref}\0report-status\n`;
    const length = (command.length + 4).toString(16).padStart(4, '0');
    const ended = exec(rogue, "git-receive-pack 'syncmedia-history'", [
      `${length}${command}0000`,
      pack,
      createHash('sha1').update(pack).digest(),
    ]);
    expect((await ended).stderr).toContain('Out of memory');
    expect(await listRefs()).toBe('');
  });
});
