import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SshConfig } from '../../../src/transport/ssh/ssh-config.js';
import { makeTestDir, type TestDir } from '../../harness/tmp.js';
import { makeKey, makeLogin } from './login.js';

const run = promisify(execFile);
const ed25519 =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE7d4J8L9b1m6gYqk0v4q6n2oQ0v0mQ8m3yXy2Jq9wXo a comment';
const address = {
  id: 'b1',
  url: 'web1.example.com',
  sshPort: 2222,
  username: 'deploy',
  hostKeys: [ed25519],
};

describe('the files', () => {
  let dir: TestDir;
  let settings: { stateDir: string; identityFile: string; timeoutMs: number; idleMs: number };
  beforeEach(async () => {
    dir = await makeTestDir();
    settings = {
      stateDir: join(dir.path, 'st ate'),
      identityFile: join(dir.path, 'id_100%'),
      timeoutMs: 1_500,
      idleMs: 30_000,
    };
    await makeKey(settings.identityFile);
  });
  afterEach(() => dir.remove());

  /** What OpenSSH itself makes of the file. */
  const understood = async (target: {
    alias: string;
    configFile: string;
  }): Promise<Record<string, string>> => {
    const { stdout } = await run('ssh', ['-G', '-F', target.configFile, target.alias]);
    return Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
    );
  };

  test('have their meaning in OpenSSH', async () => {
    const target = await new SshConfig(settings).write(address);
    expect(await understood(target)).toMatchObject({
      hostname: 'web1.example.com',
      port: '2222',
      user: 'deploy',
      hostkeyalias: 'host-b1',
      hostkeyalgorithms: 'ssh-ed25519',
      stricthostkeychecking: 'true',
      updatehostkeys: 'false',
      globalknownhostsfile: 'none',
      identitiesonly: 'yes',
      identityagent: 'none',
      batchmode: 'yes',
      forwardagent: 'no',
      clearallforwardings: 'yes',
      permitlocalcommand: 'no',
      connecttimeout: '2',
      controlpersist: '30',
      controlmaster: 'auto',
      // It shows the percent sign as it is written, before it is expanded.
      identityfile: `${settings.identityFile}%`,
      userknownhostsfile: join(settings.stateDir, 'ssh/host-b1.known_hosts'),
    });
    expect(await understood(target)).not.toHaveProperty('proxycommand');
    expect(await readFile(join(settings.stateDir, 'ssh/host-b1.known_hosts'), 'utf8')).toBe(
      `host-b1 ${ed25519.replace(' a comment', '')}\n`,
    );
  });

  test('are for this user alone, and written only when they change', async () => {
    const config = new SshConfig(settings);
    const { configFile } = await config.write(address);
    const folder = join(settings.stateDir, 'ssh');
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const name of ['host-b1.config', 'host-b1.known_hosts'])
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    const before = (await stat(configFile)).ino;
    await config.write(address);
    expect((await stat(configFile)).ino).toBe(before);
    await config.write({ ...address, sshPort: 23 });
    expect((await stat(configFile)).ino).not.toBe(before);
    expect((await readdir(folder)).sort()).toEqual([
      'control',
      'host-b1.config',
      'host-b1.known_hosts',
    ]);
  });

  test('an RSA key is pinned to signatures that are not over SHA-1', async () => {
    const rsa = await makeKey(join(dir.path, 'rsa'), '', 'rsa');
    const target = await new SshConfig(settings).write({ ...address, hostKeys: [rsa, ed25519] });
    expect((await understood(target)).hostkeyalgorithms).toBe(
      'rsa-sha2-512,rsa-sha2-256,ssh-ed25519',
    );
  });

  test('the socket is another one for another process, address, pin and key', async () => {
    const config = new SshConfig(settings);
    const paths = [(await config.write(address)).controlPath];
    expect((await config.write(address)).controlPath).toBe(paths[0]);
    paths.push((await config.write({ ...address, url: 'web2' })).controlPath);
    paths.push(
      (await config.write({ ...address, hostKeys: [ed25519.replace('Jq9', 'Jq8')] })).controlPath,
    );
    paths.push((await new SshConfig(settings).write(address)).controlPath);
    await chmod(settings.identityFile, 0o600);
    await writeFile(settings.identityFile, 'another key');
    paths.push((await config.write(address)).controlPath);
    expect(new Set(paths).size).toBe(5);
    for (const path of paths) expect(Buffer.byteLength(path)).toBeLessThanOrEqual(90);
    expect((await stat(join(paths[0] ?? '', '..'))).mode & 0o777).toBe(0o700);
  });

  test('a state folder that is too long for a socket gets a folder of its own elsewhere', async () => {
    const stateDir = join(dir.path, 'a'.repeat(60));
    const { controlPath } = await new SshConfig({ ...settings, stateDir }).write(address);
    expect(controlPath.startsWith(stateDir)).toBe(false);
    expect(Buffer.byteLength(controlPath)).toBeLessThanOrEqual(90);
    const folder = join(controlPath, '..');
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await chmod(folder, 0o755);
    await expect(new SshConfig({ ...settings, stateDir }).write(address)).rejects.toMatchObject({
      code: 'BAD_STATE',
    });
    await run('rm', ['-r', '--', folder]);
  });

  test('the folder of the sockets is made again when it was removed, for whatever reason', async () => {
    const config = new SshConfig(settings);
    const folder = join(settings.stateDir, 'ssh/control');
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o770);
    await expect(config.write(address)).rejects.toMatchObject({
      code: 'BAD_STATE',
      message: expect.stringContaining('remove it') as string,
    });
    const removeAndWrite = async (): Promise<void> => {
      await rmdir(folder);
      await config.write(address);
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
    };
    // First by the person who read that message, then as a cleaner of /tmp removes it.
    await removeAndWrite();
    await removeAndWrite();
  });

  test.each([
    ['a row that no config may hold', { url: 'a\n  ProxyCommand touch /x' }, 'BAD_OPTION'],
    ['a host without pinned keys', { hostKeys: [] }, 'HOST_KEY_MISMATCH'],
    [
      'a key that is none',
      { hostKeys: ['ssh-ed25519 *', '@cert-authority * ssh-ed25519 AAAA'] },
      'HOST_KEY_MISMATCH',
    ],
  ])('refuses %s', async (_what, part, code) => {
    await expect(new SshConfig(settings).write({ ...address, ...part })).rejects.toMatchObject({
      code,
    });
    await expect(readdir(settings.stateDir)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('refuses paths that ssh could misread, and an absent key', async () => {
    for (const stateDir of ['relative', '/a"b', '/a\nb', '/a${HOME}b'])
      expect(() => new SshConfig({ ...settings, stateDir })).toThrow(
        expect.objectContaining({ code: 'BAD_STATE' }),
      );
    await expect(
      new SshConfig({ ...settings, identityFile: join(dir.path, 'none') }).write(address),
    ).rejects.toMatchObject({ code: 'BAD_KEY' });
  });
});

test('OpenSSH logs in by them, and refuses a server with another key', async () => {
  const login = await makeLogin();
  try {
    await mkdir(join(login.dir, 'sta%te'));
    const config = new SshConfig({
      stateDir: join(login.dir, 'sta%te'),
      identityFile: login.identityFile,
      timeoutMs: 5_000,
      idleMs: 1_000,
    });
    const say = async (to: typeof login.address): Promise<string> => {
      const { alias, configFile } = await config.write(to);
      return (
        await run('ssh', ['-F', configFile, '-o', 'ControlMaster=no', alias, 'echo', 'hello'])
      ).stdout;
    };
    expect(await say(login.address)).toBe('hello\n');
    const other = await makeKey(join(login.dir, 'other'));
    await expect(say({ ...login.address, hostKeys: [other] })).rejects.toThrow(
      /Host key verification failed/,
    );
  } finally {
    await login.close();
  }
});
