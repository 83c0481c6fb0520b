import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { setGateHistory } from '../../src/access/gate.js';
import type { Host } from '../../src/model/host.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { removeFolder } from '../../src/state-dir/remove-folder.js';
import { createAnnexBackend } from '../../src/transport/git-annex/annex-backend.js';
import { Annex } from '../../src/transport/git-annex/annex.js';
import { makeAnnexUuid, makeKey, type AnnexKey } from '../../src/transport/git-annex/key.js';
import { Repository } from '../../src/transport/git/repository.js';
import type { Backend } from '../../src/transport/backend.js';
import { SshConfig } from '../../src/transport/ssh/ssh-config.js';
import { limits, readAll, sha256 } from '../transport/git/site.js';
import { annexIsMissing, makeLarge } from '../transport/git-annex/site.js';
import { makeSite, never, photos, put, self, type Site } from '../transport/site.js';
import { confine, gateIsMissing, readKey } from './confined.js';

const dir = photos.path;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let site: Site;
let history: NonNullable<Backend['history']>;
let there: Annex;
let gitThere: Repository;
let to: Host;
let sshArguments: string[];
/** Nothing listens on these ports. */
let sshPort = 1;

/** Runs a command on the other host, with input that ends after a while. */
const exec = (command: string, input = '', openMs = 0): Promise<Ended> =>
  new Promise((resolve) => {
    const child = execFile(
      'ssh',
      [...sshArguments, command],
      { timeout: 20_000 },
      (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr });
      },
    );
    child.stdin?.write(input);
    setTimeout(() => child.stdin?.end(), openMs);
  });
const command = (ours: string, theirs = makeAnnexUuid('host-b')): string =>
  `git-annex-shell 'p2pstdio' '/syncmedia-annex' '${ours}' --uuid ${theirs}`;

async function record(name: string, content: Buffer): Promise<AnnexKey> {
  const path = requireSafePath(`${dir}/${name}`);
  await put(site.here, path, content);
  const info = await site.options.replica.hash(path);
  if (!info) throw new Error('nothing was written');
  expect(await history.record([{ path, version: name, at: new Date(), info }], never)).toEqual([]);
  return makeKey(info)!;
}

describe.skipIf(gateIsMissing !== undefined || annexIsMissing !== undefined)(
  "another host's annex",
  () => {
    beforeAll(async () => {
      site = await makeSite(
        (options) =>
          createAnnexBackend({
            ...options,
            history: {
              ...limits,
              stateDir: join(options.replica.rootPath, '../state'),
              hostname: 'a',
              annex: { largerThan: 1_000, on: 'all' },
            },
          }),
        { confined: true },
      );
      history = site.backend.history!;
      to = { ...site.host, backend: 'git-annex' };
      const identityFile = join(site.here, '../id_ed25519');
      await confine(site.there, site.rootThere, [dir], {
        id: self,
        publicKey: await readKey(identityFile),
      });
      const stateDir = join(site.here, '../ssh-alone');
      const config = new SshConfig({ stateDir, identityFile, timeoutMs: 10_000, idleMs: 1_000 });
      const { configFile, alias } = await config.write(site.host);
      sshArguments = ['-F', configFile, '-o', 'ControlMaster=no', '-o', 'ControlPath=none', alias];
    });
    afterAll(async () => {
      await site.close();
    });
    beforeEach(async () => {
      const own = join(history.place, '..');
      for (const place of [
        join(site.there.stateDir, 'git'),
        join(site.there.stateDir, 'annex'),
        ...['git', 'annex', 'git-shared.json', 'annex-shared.json'].map((name) => join(own, name)),
      ])
        await rm(place, { recursive: true, force: true });
      gitThere = new Repository(join(site.there.stateDir, 'git'), 'host-b', 30_000);
      await gitThere.open(never);
      there = new Annex(join(site.there.stateDir, 'annex'), 'host-b', 30_000);
      await there.open(never);
      await setGateHistory(site.there.stateDir, {
        repository: gitThere.gitDir,
        maxBytes: limits.maxBytes,
        annex: there.place,
      });
      await history.open(never);
    });

    test('gets the large files of this host, and only what it has not got', async () => {
      const first = await record('a.mp4', makeLarge('first'));
      expect(await history.share(to, never)).toBeUndefined();
      expect(await readFile(there.locate(first), 'utf8')).toBe(makeLarge('first').toString());
      const second = await record('b.mp4', makeLarge('second', 3_000_000));
      expect(await history.share(to, never)).toBeUndefined();
      expect(await there.measure(second)).toBe(3_000_000);
      expect(await history.share(to, never)).toBeUndefined();
    });

    test('gets all large files again once its history has begun anew', async () => {
      const begun = (at: number): Host => ({
        ...to,
        history: { adoption: { since: new Date(at), files: 0, bytes: 0 } },
      });
      const key = await record('a.mp4', makeLarge('first'));
      expect(await history.share(begun(1), never)).toBeUndefined();
      for (const place of [gitThere.gitDir, there.place]) await removeFolder(place);
      await gitThere.open(never);
      await there.open(never);
      expect(await history.share(begun(2), never)).toBeUndefined();
      expect(await there.measure(key)).toBeGreaterThan(0);
    });

    test('gets the same content once, under any number of names', async () => {
      await record('a.mp4', makeLarge('same'));
      await record('b.mp4', makeLarge('same'));
      expect(await history.share(to, never)).toBeUndefined();
      expect(await there.listKeys()).toHaveLength(1);
    });

    test('is not reached without one, and the failure names the remedy', async () => {
      await record('a.mp4', makeLarge('first'));
      await setGateHistory(site.there.stateDir, {
        repository: gitThere.gitDir,
        maxBytes: limits.maxBytes,
      });
      expect(await history.share(to, never)).toMatchObject({
        code: 'HISTORY_FAILED',
        scope: 'host',
        message: expect.stringContaining('backend git-annex') as string,
      });
      expect(await there.listKeys()).toEqual([]);
    });

    test('that is gone is a failure, and the files are sent once it is back', async () => {
      const key = await record('a.mp4', makeLarge('first'));
      await rm(there.place, { recursive: true });
      expect(await history.share(to, never)).toMatchObject({ code: 'HISTORY_FAILED' });
      await there.open(never);
      expect(await history.share(to, never)).toBeUndefined();
      expect(await there.measure(key)).toBeGreaterThan(0);
    });

    test('is the only annex, by exactly one command, for the host whose key it is', async () => {
      const [ours, theirs] = [makeAnnexUuid(self), makeAnnexUuid('host-b')];
      for (const one of [
        command(makeAnnexUuid('host-x')),
        command(ours).replace('/syncmedia-annex', there.place),
        command(ours).replace('/syncmedia-annex', '/syncmedia-annex/../git'),
        command(ours).replace("'p2pstdio'", "'configlist'"),
        command(ours).replace("'p2pstdio'", "'dropkey'"),
        command(ours).replace("'p2pstdio'", "'recvkey'"),
        `${command(ours)} --debug`,
        `${command(ours)}; id`,
        `${command(ours)}\nid`,
        `git-annex-shell 'configlist' '/syncmedia-annex'`,
        `git-annex p2pstdio ${theirs}`,
        "git-receive-pack '/syncmedia-annex'",
        "git-upload-pack '/syncmedia-annex'",
      ])
        expect((await exec(one)).code, one).toBe(77);
    });

    test('tells nobody which contents it has: git is not reached through the protocol', async () => {
      const key = await record('a.mp4', makeLarge('first'));
      expect(await history.share(to, never)).toBeUndefined();
      for (const service of ['git-upload-pack', 'git-receive-pack', 'git-upload-archive']) {
        const { stdout } = await exec(
          command(makeAnnexUuid(self)),
          `VERSION 1\nCONNECT ${service}\n`,
          2_000,
        );
        expect(stdout, service).toContain('AUTH-SUCCESS');
        expect(stdout, service).not.toMatch(
          /refs\/heads|git-annex\b.*[0-9a-f]{40}|[0-9a-f]{40} refs/,
        );
        expect(stdout, service).not.toContain(key);
      }
    });

    test('drops nothing for another host', async () => {
      const key = await record('a.mp4', makeLarge('first'));
      expect(await history.share(to, never)).toBeUndefined();
      const { stdout } = await exec(
        command(makeAnnexUuid(self)),
        `VERSION 1\nCHECKPRESENT ${key}\nREMOVE ${key}\n`,
      );
      // Logged in, present, not removed.
      expect(stdout).toMatch(/^AUTH-SUCCESS .*\nVERSION 1\nSUCCESS\n(FAILURE|ERROR)/);
      expect(await there.measure(key)).toBeGreaterThan(0);
    });

    test('takes no bytes under a key that is not their hash, and no key that is no hash', async () => {
      const send = (key: string): Promise<Ended> =>
        exec(command(makeAnnexUuid(self)), `VERSION 1\nPUT x ${key}\nDATA 5\nhelloVALID\n`);
      const wrong = makeKey({ size: 5, mtime: 0, sha256: '0'.repeat(64) })!;
      for (const key of [wrong, 'WORM-s5-m1--x'])
        expect((await send(key)).stdout, key).not.toContain('\nSUCCESS');
      const right = makeKey({ size: 5, mtime: 0, sha256: sha256('hello') })!;
      expect((await send(right)).stdout).toContain('\nSUCCESS');
      expect(await there.listKeys()).toEqual([right]);
      const found = await promisify(execFile)('find', [
        join(there.place, 'annex/objects'),
        '-type',
        'f',
      ]);
      expect(found.stdout).toBe(`${there.locate(right)}\n`);
    });

    test('keeps its configuration and runs no hook, whatever lies there', async () => {
      await record('a.mp4', makeLarge('first'));
      const proof = join(site.rootThere, dir, 'proof');
      await mkdir(join(there.place, 'hooks'), { recursive: true });
      for (const hook of ['post-receive', 'reference-transaction', 'pre-commit', 'post-update'])
        await writeFile(join(there.place, 'hooks', hook), `#!/bin/sh\ntouch '${proof}'\n`, {
          mode: 0o755,
        });
      const before = await readFile(join(there.place, 'config'), 'utf8');
      expect(await history.share(to, never)).toBeUndefined();
      expect(await readdir(join(site.rootThere, dir))).not.toContain('proof');
      expect(await readFile(join(there.place, 'config'), 'utf8')).toBe(before);
    });

    test('takes no more than its limit', async () => {
      await setGateHistory(site.there.stateDir, {
        repository: gitThere.gitDir,
        maxBytes: 100_000,
        annex: there.place,
      });
      const large = await record('large.mp4', makeLarge('large', 200_000));
      expect(await history.share(to, never)).toMatchObject({ code: 'HISTORY_FAILED' });
      expect(await there.measure(large)).toBeUndefined();
      await writeFile(join(there.place, 'annex/filler'), Buffer.alloc(200_000));
      expect(await history.share(to, never)).toMatchObject({
        message: expect.stringContaining('full') as string,
      });
    });

    describe('gives a content back that this host has lost', () => {
      const content = makeLarge('only there', 3_000_000);
      const path = requireSafePath(`${dir}/lost.mp4`);
      let key: AnnexKey;
      let here: Annex;
      /** Hosts that do not answer. */
      let unreachable: Host, down: Host;
      const findVersion = async () => (await history.list(path, 1, never))[0]!;

      beforeEach(async () => {
        key = await record('lost.mp4', content);
        expect(await history.share(to, never)).toBeUndefined();
        here = new Annex(history.annexPlace!, self, 30_000);
        await here.drop([key], never);
        const id = `host-${String(sshPort)}`;
        unreachable = { ...to, id, hostname: 'c', sshPort };
        down = { ...unreachable, id: `${id}-d`, hostname: 'd' };
        sshPort++;
      });

      test('also if another one that is asked first does not answer', async () => {
        const version = await findVersion();
        expect(version.as).toBe('named');
        await history.bring?.(version, [unreachable, to], never);
        expect(await findVersion()).toMatchObject({ as: 'stored' });
        expect((await readAll(history.read(version, never))).equals(content)).toBe(true);
        // It is there already, so nobody is asked.
        await history.bring?.(version, [], never);
      });

      test('and the error names each host that was asked, if none has it', async () => {
        await there.drop([key], never);
        const version = await findVersion();
        await expect(history.bring?.(version, [to], never)).rejects.toMatchObject({
          code: 'NOT_RECORDED',
          message: expect.stringContaining(`(${to.hostname}: it has no copy)`) as string,
        });
        await expect(history.bring?.(version, [down, to], never)).rejects.toMatchObject({
          code: 'HOST_UNREACHABLE',
          message: expect.stringMatching(
            new RegExp(`\\(d: .*refused; ${to.hostname}: it has no copy\\)`, 's'),
          ) as string,
        });
        await expect(history.bring?.(version, [], never)).rejects.toMatchObject({
          code: 'NOT_RECORDED',
          message: expect.stringContaining('no other host keeps large files') as string,
        });
      });

      test('but not with other bytes: they never reach the annex of this host', async () => {
        const object = there.locate(key);
        await chmod(join(object, '..'), 0o700);
        await chmod(object, 0o600);
        await writeFile(object, makeLarge('other bytes', content.length));
        await expect(history.bring?.(await findVersion(), [to], never)).rejects.toMatchObject({
          code: 'HISTORY_FAILED',
          message: expect.stringContaining(`(${to.hostname}: Verification of content`) as string,
        });
        expect(await here.measure(key)).toBeUndefined();
        expect((await findVersion()).as).toBe('named');
      });

      test('only as far as there is room here', async () => {
        const filler = makeKey({ size: 7, mtime: 0, sha256: sha256('filler') })!;
        await mkdir(join(here.locate(filler), '..'), { recursive: true });
        await writeFile(here.locate(filler), '');
        await truncate(here.locate(filler), 1.5 * limits.maxBytes);
        await expect(history.bring?.(await findVersion(), [to], never)).rejects.toMatchObject({
          code: 'HISTORY_FAILED',
          message: expect.stringContaining('SYNCMEDIA_HISTORY_MAX_BYTES') as string,
        });
      });
    });

    test('a transfer that was interrupted is completed by the next one', async () => {
      const content = makeLarge('long', 8_000_000);
      const key = await record('long.mp4', content);
      await writeFile(join(there.place, 'annex/tmp', key), content.subarray(0, 4_000_000));
      expect(await history.share(to, never)).toBeUndefined();
      expect((await stat(there.locate(key))).size).toBe(content.length);
      expect(await readdir(join(there.place, 'annex/tmp'))).toEqual([]);
    });
  },
);
