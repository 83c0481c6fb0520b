// An sshd to run for ourselves: where to find one, and how to take its files without installing a
// service.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirs } from './cache.mjs';
import { takePackageFiles } from './package-files.mjs';
import { isProgram } from './programs.mjs';

const run = promisify(execFile);
const FILES = 'openssh-server';

/**
 * @typedef {{ program: string, settings: string[] }} Sshd program: absolute, as sshd demands;
 *   settings: lines of sshd_config which this one needs to find its own parts
 */

/** @param {NodeJS.ProcessEnv} env @returns {Promise<Sshd | undefined>} */
export async function findSshd(env = process.env) {
  // It lies in directories that an ordinary user's PATH leaves out.
  for (const dir of [
    ...(env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    '/sbin',
  ]) {
    if (dir.startsWith('/') && (await isProgram(join(dir, 'sshd'))))
      return { program: join(dir, 'sshd'), settings: [] };
  }
  for (const cache of cacheDirs(env)) {
    const program = join(cache, FILES, 'usr/sbin/sshd');
    if (await isProgram(program)) return { program, settings: settingsFor(join(cache, FILES)) };
  }
  return undefined;
}

/**
 * The program; sshd has one built in, which a forced command cannot start.
 *
 * @returns {Promise<string | undefined>}
 */
export async function findSftpServer() {
  const programs = [
    '/usr/lib/openssh',
    '/usr/libexec/openssh',
    '/usr/lib/ssh',
    '/usr/libexec/ssh',
    '/usr/libexec',
  ].map((place) => join(place, 'sftp-server'));
  for (const program of programs) if (await isProgram(program)) return program;
  return undefined;
}

/**
 * As root, sshd needs the user and the empty directory of its unprivileged half. /run is empty
 * after every boot.
 *
 * @returns {Promise<void>}
 */
export async function prepareSeparation() {
  if (process.getuid?.() !== 0) return;
  await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  if (
    await run('id', ['sshd']).then(
      () => true,
      () => false,
    )
  )
    return;
  const user = [
    '--system',
    '--gid',
    'nogroup',
    '--home-dir',
    '/run/sshd',
    '--no-create-home',
    '--shell',
    '/usr/sbin/nologin',
  ];
  await run('useradd', [...user, 'sshd']);
}

/**
 * Takes the files of Debian's or Ubuntu's openssh-server into our cache. Needs root and fresh
 * lists.
 *
 * @param {(packages: string[]) => Promise<unknown>} install installs the libraries that it needs
 * @returns {Promise<void>}
 */
export async function takeSshd(install) {
  await takePackageFiles(FILES, install);
  await prepareSeparation();
}

/** @param {string} files where they were unpacked */
function settingsFor(files) {
  // From OpenSSH 9.8 sshd starts these by the absolute path of where it would have been installed.
  const parts = { SshdSessionPath: 'sshd-session', SshdAuthPath: 'sshd-auth' };
  return Object.entries(parts)
    .map(([setting, name]) => [setting, join(files, 'usr/lib/openssh', name)])
    .filter(([, path]) => existsSync(String(path)))
    .map((pair) => pair.join(' '));
}
