import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findSshd, prepareSeparation } from '../../../scripts/sshd.mjs';
import { waitFor } from './wait.js';

const run = promisify(execFile);

export interface SshFiles {
  /** Public; the private one is the same path without `.pub`. */
  key: string;
  authorizedKeys: string;
  config: string;
}

/**
 * A host's key pair, its sshd's key and settings, all below `dir`. Whoever owns a key in
 * `authorizedKeys` may log in.
 */
export async function makeSshFiles(
  dir: string,
  name: string,
  port: number,
  mark: string,
): Promise<SshFiles> {
  await mkdir(dir, { mode: 0o700 });
  const files = {
    key: join(dir, 'id_ed25519.pub'),
    authorizedKeys: join(dir, 'authorized_keys'),
    config: join(dir, 'sshd_config'),
  };
  await makeKey(join(dir, 'id_ed25519'), name);
  await makeKey(join(dir, 'host_key'), `${name}'s sshd`);
  await writeFile(files.authorizedKeys, '', { mode: 0o600 });
  const lines = [
    `Port ${String(port)}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(dir, 'host_key')}`,
    `AuthorizedKeysFile ${files.authorizedKeys}`,
    'AuthenticationMethods publickey',
    'PermitRootLogin prohibit-password',
    'PidFile none',
    'PrintMotd no',
    'UseDNS no',
    // The keys lie below a directory that everyone may write to, /tmp.
    'StrictModes no',
    // Without PAM sshd refuses a user whose password is locked, as root's is on some systems.
    `UsePAM ${(await isRootLocked()) ? 'yes' : 'no'}`,
    'Subsystem sftp internal-sftp',
    `SetEnv "PATH=${process.env.PATH ?? '/usr/bin:/bin'}" "${mark}"`,
    ...(await demandSshd()).settings,
  ];
  await writeFile(files.config, `${lines.join('\n')}\n`);
  return files;
}

/** Starts it; the caller owns the process from here on. */
export async function spawnSshd(config: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  await prepareSeparation();
  const { program } = await demandSshd();
  return spawn(program, ['-D', '-E', logOf(config), '-f', config], {
    detached: true,
    stdio: 'ignore',
    env,
  });
}

/** Waits until it listens, or says why it does not. */
export async function awaitSshd(
  child: ChildProcess,
  config: string,
  port: number,
  signal: AbortSignal,
): Promise<void> {
  let failed: Error | undefined;
  child.once('error', (error) => (failed = error));
  const look = async (): Promise<true | undefined> => {
    if (failed || child.exitCode !== null)
      throw new Error(
        `sshd does not start: ${failed?.message ?? (await readFile(logOf(config), 'utf8'))}`,
      );
    return (await isListening(port)) || undefined;
  };
  if (!(await waitFor(look, { timeout: 10_000, interval: 20, signal })))
    throw new Error(`sshd does not listen on port ${String(port)}`);
}

const logOf = (config: string): string => `${config}.log`;

async function demandSshd(): Promise<{ program: string; settings: string[] }> {
  const sshd = await findSshd();
  if (!sshd) throw new Error('there is no sshd here: `node scripts/setup.mjs` says how to get one');
  return sshd;
}

async function makeKey(file: string, comment: string): Promise<void> {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file], {
    timeout: 30_000,
  });
}

async function isRootLocked(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const shadow = await readFile('/etc/shadow', 'utf8').catch(() => '');
  return /^root:!/m.test(shadow);
}

/** Whether something takes connections there. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (yes: boolean) => (): void => {
      socket.destroy();
      resolve(yes);
    };
    socket
      .once('connect', answer(true))
      .once('error', answer(false))
      .setTimeout(1000, answer(false));
  });
}
