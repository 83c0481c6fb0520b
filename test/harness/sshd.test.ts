import { execFile, spawn } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listProcesses } from '../../scripts/processes.mjs';
import { makeOrdinaryUser, ordinaryUserIsMissing, type TestUser } from './ordinary-user.js';
import { startHost, type TestHost } from './sshd.js';
import { until } from './wait.js';

const run = promisify(execFile);
const missing = await ordinaryUserIsMissing();

/** The ssh command line from one host to another, with nothing of this user's own ~/.ssh. */
function ssh(from: TestHost, to: TestHost): string[] {
  const known =
    `KnownHostsCommand=/bin/echo ` +
    `${to.hostPublicKeys.map((key) => `[127.0.0.1]:${String(to.port)} ${key}`).join('\n')}`;
  const settings = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    `IdentityFile=${from.privateKeyFile}`,
    'ConnectTimeout=5',
    known,
  ];
  const address = [`Port=${String(to.port)}`, `User=${to.username}`];
  const options = [
    ...settings,
    ...address,
    'UserKnownHostsFile=/dev/null',
    'GlobalKnownHostsFile=/dev/null',
  ];
  return ['-F', 'none', ...options.flatMap((one) => ['-o', one])];
}

const execute = async (from: TestHost, to: TestHost, command: string): Promise<string> =>
  (await run('ssh', [...ssh(from, to), '--', to.hostname, command], { timeout: 10_000 })).stdout;

const readBanner = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(300, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString());
    });
  });

describe('startHost', () => {
  let from: TestHost;
  let to: TestHost;
  beforeAll(async () => {
    [from, to] = await Promise.all([
      startHost({ name: 'from' }),
      startHost({ name: 'to', rsa: true }),
    ]);
    await to.trust(from.publicKey);
  });
  afterAll(async () => {
    await Promise.all([from.close(), to.close()]);
  });

  it('lets in trusted keys and no others', async () => {
    expect(await execute(from, to, 'echo hello')).toBe('hello\n');
    await expect(execute(to, from, 'true')).rejects.toThrow(/Permission denied/);
    expect(await to.log()).toMatch(/Accepted publickey/);
    expect(await from.log()).not.toMatch(/Accepted publickey/);
  });

  it('keeps state and keys to itself', async () => {
    expect((await stat(to.stateDir)).mode & 0o777).toBe(0o700);
    expect((await stat(to.authorizedKeysFile)).mode & 0o777).toBe(0o600);
    expect(to.hostPublicKeys.map((key) => key.split(' ')[0])).toEqual(['ssh-ed25519', 'ssh-rsa']);
  });

  it('counts the rsync calls it gets', async () => {
    await writeFile(join(from.root, "a 'b'"), 'bytes');
    const shell = ['ssh', ...ssh(from, to).map((word) => `'${word}'`)].join(' ');
    await run('rsync', ['-e', shell, `${from.root}/`, '-r', `${to.hostname}:${to.root}/`], {
      timeout: 10_000,
    });
    expect(await readFile(join(to.root, "a 'b'"), 'utf8')).toBe('bytes');
    expect(await to.rsyncCalls()).toEqual([expect.stringMatching(/^rsync --server /)]);
    expect(await from.rsyncCalls()).toEqual([]);
  });

  it('can be a host without rsync', async () => {
    await to.replaceProgram('rsync', 'exit 127');
    await expect(execute(from, to, 'rsync --version')).rejects.toMatchObject({ code: 127 });
    await to.replaceProgram('rsync', undefined);
    expect(await execute(from, to, 'rsync --version')).toMatch(/^rsync/);
  });

  it('ends with its sessions and comes back on its port', async () => {
    const session = spawn('ssh', [...ssh(from, to), to.hostname, 'echo on; exec sleep 300'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise<number | null>((resolve) => session.once('exit', resolve));
    await new Promise((resolve) => session.stdout.once('data', resolve));
    await to.stop();
    expect(await ended).toBe(255);
    expect((await listProcesses()).filter(({ command }) => command === 'sleep 300')).toEqual([]);
    expect(to.running()).toBe(false);
    await expect(readBanner(to.port)).rejects.toThrow(/ECONNREFUSED/);
    await to.start();
    expect(await execute(from, to, 'echo again')).toBe('again\n');
  });

  it('stops at once when told so', async () => {
    await to.stop({ hard: true });
    await expect(readBanner(to.port)).rejects.toThrow(/ECONNREFUSED/);
    await to.start();
  });

  it('stalls while it is frozen', async () => {
    await to.freeze();
    await expect(readBanner(to.port)).rejects.toThrow('no answer');
    await to.thaw();
    await until(() => readBanner(to.port));
  });

  it('serves SFTP unless told otherwise', async () => {
    const plain = await startHost({ name: 'plain', sftp: false });
    await plain.trust(from.publicKey);
    const open = (host: TestHost) =>
      run('sftp', ['-b', '/dev/null', ...ssh(from, host), host.hostname], { timeout: 5000 });
    await open(to);
    await expect(open(plain)).rejects.toThrow(/subsystem request failed/);
    await plain.close();
  });
});

describe.skipIf(missing)(`startHost as an ordinary user${missing ? ` (${missing})` : ''}`, () => {
  let user: TestUser;
  let from: TestHost;
  let to: TestHost;
  beforeAll(async () => {
    user = await makeOrdinaryUser();
    [from, to] = await Promise.all([
      startHost({ name: 'from', user }),
      startHost({ name: 'to', user }),
    ]);
    await to.trust(from.publicKey);
  });
  afterAll(async () => {
    await Promise.all([from.close(), to.close()]);
    await user.remove();
  });

  it('is that user', async () => {
    expect(await execute(from, to, 'id -u; id -un')).toBe(`${String(user.uid)}\n${user.name}\n`);
    expect((await stat(to.root)).uid).toBe(user.uid);
  });

  it('runs commands as that user', async () => {
    const [program, args] = user.command('sh', [
      '-c',
      'id -un; echo "$1" > "$2"',
      'sh',
      'hello',
      join(to.root, 'file'),
    ]);
    expect((await run(program, args)).stdout).toBe(`${user.name}\n`);
    expect((await stat(join(to.root, 'file'))).uid).toBe(user.uid);
  });
});
