import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Client, SFTPWrapper } from 'ssh2';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRsyncBackend } from '../../src/transport/rsync/rsync-backend.js';
import { logIn } from '../../src/transport/ssh/connect.js';
import { SshConfig } from '../../src/transport/ssh/ssh-config.js';
import { makeSite, photos, put, type Site } from '../transport/site.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { gateIsMissing } from './confined.js';

const dir = photos.path;
let site: Site;
let mine: TestDir;
let identityFile: string;
/** In the home of the user that logs in, and of no concern to a sync dir. */
let outside: string;
let ssh: string[];

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}
const run = (program: string, args: readonly string[], input = ''): Promise<Ended> =>
  new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      { timeout: 15_000, encoding: 'latin1' },
      (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr });
      },
    );
    child.stdin?.on('error', () => undefined).end(input);
  });
let client: Client;
/** What sshd is asked to run, as it comes: no shell of ours reads it. */
const exec = (command: string): Promise<Ended> =>
  new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) {
        reject(error);
        return;
      }
      const ended = { code: -1, stdout: '', stderr: '' };
      channel
        .on('data', (bytes: Buffer) => {
          ended.stdout += bytes.toString('latin1');
        })
        .on('exit', (code: number) => {
          ended.code = code;
        });
      channel.stderr.on('data', (bytes: Buffer) => {
        ended.stderr += bytes.toString('latin1');
      });
      channel
        .on('close', () => {
          resolve(ended);
        })
        .end();
    });
  });
const inSsh = (...args: string[]): Promise<Ended> => run('ssh', [...ssh, ...args]);

describe.skipIf(gateIsMissing !== undefined)('a confined key', () => {
  beforeAll(async () => {
    [site, mine] = await Promise.all([
      makeSite(createRsyncBackend, { confined: true }),
      makeTestDir(),
    ]);
    identityFile = join(site.here, '../id_ed25519');
    const config = new SshConfig({
      stateDir: join(mine.path, 'state'),
      identityFile,
      timeoutMs: 10_000,
      idleMs: 1_000,
    });
    const target = await config.write(site.host);
    // Without our own caution: what holds has to hold on the other side.
    ssh = [
      '-F',
      target.configFile,
      '-o',
      'ClearAllForwardings=no',
      '-o',
      'ControlMaster=no',
      '-o',
      'ExitOnForwardFailure=yes',
      target.alias,
    ];
    outside = join(site.there.dir, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'secret'), 'secret');
    await symlink(outside, join(site.rootThere, dir, 'link'));
    await put(site.rootThere, `${dir}/photo.jpg`, 'photo');
    ({ client } = await logIn(
      site.host,
      { identityFile, timeoutMs: 10_000 },
      new AbortController().signal,
    ));
  });
  afterAll(async () => {
    client.destroy();
    await site.close();
    await mine.remove();
  });
  /** After every attempt, all files outside are unchanged. */
  const untouched = async (): Promise<void> => {
    expect(await readdir(outside)).toEqual(['secret']);
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
    expect((await readFile(site.there.authorizedKeysFile, 'utf8')).match(/\n/g)).toHaveLength(1);
    expect((await stat(join(outside, 'secret'))).mode & 0o777).toBe(0o644);
  };

  describe('gives no command but ours:', () => {
    test.each([
      '',
      'sh',
      'id',
      'true; id',
      'true$(id)',
      'true\nid',
      'scp -t /tmp',
      'git-upload-pack /',
      '/usr/bin/rsync --server -e.L . /etc',
      'rsync',
      'rsync --server --daemon .',
      'rsync /etc/hostname /tmp/x',
      '/tmp/evil/sh',
      'sftp-serverx',
    ])('%j', async (command) => {
      expect(await exec(command)).toEqual({
        code: 77,
        stdout: '',
        stderr: expect.stringMatching(/^syncmedia-gate: /) as string,
      });
    });

    test('a login without a command', async () => {
      expect(await inSsh()).toMatchObject({ code: 77, stdout: '' });
    });

    test('our own commands', async () => {
      expect(await exec('true')).toEqual({ code: 0, stdout: '', stderr: '' });
      expect((await exec('rsync --version')).stdout).toMatch(/^rsync +version \d/);
    });

    test('no terminal', async () => {
      expect((await inSsh('-tt', 'true')).stderr).toContain('PTY allocation request failed');
    });

    test('no scp over SFTP beyond the sync dirs', async () => {
      const [, alias] = [ssh.slice(0, -1), ssh.at(-1) ?? ''];
      const scp = (from: string, to: string): Promise<Ended> =>
        run('scp', ['-F', ssh[1] ?? '', from, to]);
      expect(
        (await scp(`${alias}:${site.rootThere}/${dir}/photo.jpg`, join(mine.path, 'copied'))).code,
      ).toBe(0);
      expect((await scp(`${alias}:${outside}/secret`, join(mine.path, 'stolen'))).code).not.toBe(0);
      expect((await scp(join(mine.path, 'copied'), `${alias}:${outside}/planted`)).code).not.toBe(
        0,
      );
      expect(await readdir(mine.path)).not.toContain('stolen');
      await untouched();
    });
  });

  describe('forwards nothing:', () => {
    test('no port to its network, and none to its own', async () => {
      const reached: unknown[] = [];
      const server = createServer((socket) => {
        reached.push(socket.destroy());
      });
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      const { port } = server.address() as { port: number };
      try {
        expect((await inSsh('-W', `127.0.0.1:${port}`)).code).not.toBe(0);
        expect((await inSsh('-R', `0:127.0.0.1:${port}`, 'true')).stderr).toMatch(
          /forwarding failed/,
        );
        expect((await inSsh('-R', `${outside}/socket:127.0.0.1:${port}`, 'true')).stderr).toMatch(
          /forwarding failed/,
        );
        expect(reached).toEqual([]);
      } finally {
        await new Promise((resolve) => {
          server.close(resolve);
        });
      }
      await untouched();
    });
  });

  describe('by SFTP reaches nothing else:', () => {
    let sftp: SFTPWrapper;
    beforeAll(async () => {
      sftp = await new Promise((resolve, reject) => {
        client.sftp((error, wrapper) => {
          if (error) reject(error);
          else resolve(wrapper);
        });
      });
    });
    beforeEach(untouched);
    const ask = (request: (done: (error?: Error | null) => void) => void): Promise<unknown> =>
      new Promise((resolve) => {
        request((error) => {
          resolve(error ? (error as { code?: number }).code : 'ok');
        });
      });
    const there = (path: string): string => join(site.rootThere, dir, path);
    const open = (path: string, flags: 'r' | 'w' | 'a' | 'r+' | number): Promise<unknown> =>
      ask((done) => {
        sftp.open(path, flags, done);
      });

    test('the sync dir itself is open', async () => {
      expect(await open(there('photo.jpg'), 'r')).toBe('ok');
      expect(await open(there('new.jpg'), 'w')).toBe('ok');
      expect(
        await ask((done) => {
          sftp.ext_openssh_rename(there('new.jpg'), there('newer.jpg'), done);
        }),
      ).toBe('ok');
      expect(
        await ask((done) => {
          sftp.unlink(there('newer.jpg'), done);
        }),
      ).toBe('ok');
    });

    test.each(['r', 'w', 'a', 'r+', 0x11] as const)('open as %s', async (flags) => {
      for (const path of [
        join(outside, 'secret'),
        join(outside, 'planted'),
        '/etc/shadow',
        '/etc/hostname',
        site.there.authorizedKeysFile,
        site.there.privateKeyFile,
        join(site.there.stateDir, 'gate/rules.json'),
        join(site.there.stateDir, 'gate/syncmedia-gate.py'),
        join(site.rootThere, 'app.js'),
        '/proc/self/environ',
        there('link/secret'),
        there('link/planted'),
        there('../../../outside/secret'),
      ])
        expect([path, await open(path, flags)]).not.toEqual([path, 'ok']);
      await untouched();
    });

    test('list, make, rename, link, remove, change', async () => {
      const secret = join(outside, 'secret');
      const tried = {
        list: await ask((done) => {
          sftp.opendir(outside, done);
        }),
        listRoot: await ask((done) => {
          sftp.opendir(site.rootThere, done);
        }),
        make: await ask((done) => {
          sftp.mkdir(join(outside, 'planted'), done);
        }),
        remove: await ask((done) => {
          sftp.unlink(secret, done);
        }),
        removeDirectory: await ask((done) => {
          sftp.rmdir(join(site.there.dir, 'bin'), done);
        }),
        renameIn: await ask((done) => {
          sftp.ext_openssh_rename(secret, there('stolen'), done);
        }),
        renameOut: await ask((done) => {
          sftp.ext_openssh_rename(there('photo.jpg'), join(outside, 'planted'), done);
        }),
        renameOver: await ask((done) => {
          sftp.ext_openssh_rename(there('photo.jpg'), site.there.authorizedKeysFile, done);
        }),
        renameThrough: await ask((done) => {
          sftp.rename(there('photo.jpg'), there('link/planted'), done);
        }),
        linkIn: await ask((done) => {
          sftp.ext_openssh_hardlink(secret, there('stolen'), done);
        }),
        linkOut: await ask((done) => {
          sftp.ext_openssh_hardlink(there('photo.jpg'), join(outside, 'planted'), done);
        }),
        plant: await ask((done) => {
          sftp.symlink('/etc', there('planted'), done);
        }),
        readLink: await ask((done) => {
          sftp.readlink(there('link'), done);
        }),
        chmod: await ask((done) => {
          sftp.chmod(secret, 0o666, done);
        }),
        chmodThrough: await ask((done) => {
          sftp.chmod(there('link/secret'), 0o666, done);
        }),
        truncate: await ask((done) => {
          sftp.setstat(secret, { size: 0 }, done);
        }),
        touch: await ask((done) => {
          sftp.utimes(secret, 1, 1, done);
        }),
      };
      expect(Object.entries(tried).filter(([, answer]) => answer === 'ok')).toEqual([]);
      expect((await readdir(join(site.rootThere, dir))).sort()).toEqual([
        '.syncmedia',
        'link',
        'photo.jpg',
      ]);
      await untouched();
    });
  });

  describe('by rsync reaches nothing else:', () => {
    const rsync = (...args: string[]): Promise<Ended> =>
      run('rsync', ['-e', `ssh -F ${ssh[1] ?? ''}`, ...args]);
    const at = (path: string): string => `${ssh.at(-1) ?? ''}:${path}`;

    test("a client of anyone's, with paths and options that are not ours", async () => {
      await writeFile(join(mine.path, 'planted'), 'planted');
      await symlink('/etc', join(mine.path, 'a-link'));
      const into = join(mine.path, 'into');
      await mkdir(into);
      const local = join(mine.path, 'planted');
      const sync = at(`${site.rootThere}/${dir}/`);
      for (const args of [
        ['-t', '/etc/hostname', at('/etc/')],
        ['-t', at('/etc/hostname'), into],
        ['-t', at(`${outside}/secret`), into],
        ['-t', local, at(`${outside}/`)],
        ['-t', local, at(site.there.authorizedKeysFile)],
        ['-t', local, at(`${site.rootThere}/`)],
        ['-t', local, at('')],
        ['-t', local, at('~/')],
        ['-t', local, at(`${site.rootThere}/${dir}/../../`)],
        ['-t', local, at(`${site.rootThere}/${dir}/link/`)],
        ['-t', at(`${site.rootThere}/${dir}/link/secret`), into],
        ['-a', local, sync],
        ['-l', join(mine.path, 'a-link'), sync],
        ['-rL', sync, into],
        ['-r', '--copy-unsafe-links', sync, into],
        ['-t', '--backup', '--backup-dir', outside, local, sync],
        ['-t', '--temp-dir', outside, local, sync],
        ['-t', '--partial-dir', '../../outside', local, sync],
        ['-t', '--link-dest', outside, local, sync],
        ['-rt', '--delete', `${mine.path}/state/`, sync],
        ['-t', '--remove-source-files', sync, into],
        ['-t', '-M--log-file=/tmp/planted', local, sync],
        ['-t', `--files-from=:${outside}/secret`, sync, into],
        ['-t', '--write-devices', local, sync],
        ['-s', '-t', local, at(`${outside}/`)],
        ['-s', '-t', at('/etc/hostname'), into],
        ['-s', '-a', local, sync],
      ]) {
        const { code, stderr } = await rsync(...args);
        // rsync may see the broken pipe before the exit code.
        expect({
          args,
          failed: [77, 12].includes(code),
          gate: stderr.includes('syncmedia-gate: '),
        }).toEqual({ args, failed: true, gate: true });
      }
      expect(await readdir(into)).toEqual([]);
      expect((await readdir(join(site.rootThere, dir))).sort()).toEqual([
        '.syncmedia',
        'link',
        'photo.jpg',
      ]);
      await untouched();
    }, 60_000);

    test.each([
      'rsync --server -te.L . /etc',
      'rsync --server -te.L . . /etc',
      'rsync --server -te.L /etc',
      'rsync --server -te.L .',
      'rsync --server  -te.L . ""',
      'rsync --server -lte.L . DIR',
      'rsync --server -te.L --sender --config=/etc/x . DIR',
      'rsync --server - . DIR',
      'rsync --server -te.L --backup-dir= /etc . DIR',
      'rsync --server -te.L --temp-dir . DIR',
      'rsync --server -te.L --temp-dir=/etc . DIR',
      'rsync --server -te.L --backup-dir DIR/../.. . DIR',
      'rsync --server -te.L . DIR/..',
      'rsync --server -te.L . DIR DIR',
      'rsync --server -te.L . DIRs',
      'rsync --server -te.L . DIR\\ /etc',
      'rsync --server --protect-args . DIR',
      'rsync --server -te.L\n. DIR',
    ])('by hand: %j', async (command) => {
      const { code, stdout } = await exec(command.replaceAll('DIR', `${site.rootThere}/${dir}`));
      expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
    });

    test('but files of the sync dir, also where the arguments come on standard input', async () => {
      for (const [index, secluded] of [
        ['1', '--no-secluded-args'],
        ['2', '--secluded-args'],
      ] as const) {
        await writeFile(join(mine.path, `sent-${index}`), `sent ${index}`);
        expect(
          await rsync(
            secluded,
            '-t',
            join(mine.path, `sent-${index}`),
            at(`${site.rootThere}/${dir}/`),
          ),
        ).toMatchObject({ code: 0 });
        expect(await readFile(join(site.rootThere, dir, `sent-${index}`), 'utf8')).toBe(
          `sent ${index}`,
        );
        expect(
          await rsync(
            secluded,
            '-rt',
            '--include=sent-*',
            '--exclude=*',
            at(`${site.rootThere}/${dir}/`),
            join(mine.path, 'fetched'),
          ),
        ).toMatchObject({ code: 0 });
        expect(await readFile(join(mine.path, 'fetched', `sent-${index}`), 'utf8')).toBe(
          `sent ${index}`,
        );
      }
    });
  });
});
