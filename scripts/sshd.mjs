// An sshd to run for ourselves: where to find one, and how to take its files without installing a service.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDir, cacheDirs } from './cache.mjs';
import { isProgram } from './programs.mjs';

const run = promisify(execFile);
const FILES = 'openssh-server';

/**
 * @typedef {{ program: string, settings: string[] }} Sshd
 *   program: absolute, as sshd demands; settings: lines of sshd_config which this one needs to find its own parts
 */

/** @param {NodeJS.ProcessEnv} env @returns {Promise<Sshd | undefined>} */
export async function findSshd(env = process.env) {
  // It lies in directories that an ordinary user's PATH leaves out.
  for (const dir of [...(env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin']) {
    if (dir.startsWith('/') && (await isProgram(join(dir, 'sshd')))) return { program: join(dir, 'sshd'), settings: [] };
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
 * @returns {Promise<boolean>}
 */
export async function hasSftpServer() {
  const places = ['/usr/lib/openssh', '/usr/libexec/openssh', '/usr/lib/ssh', '/usr/libexec/ssh', '/usr/libexec'];
  return (await Promise.all(places.map((place) => isProgram(join(place, 'sftp-server'))))).includes(true);
}

/**
 * As root, sshd needs the user and the empty directory of its unprivileged half. /run is empty after every boot.
 *
 * @returns {Promise<void>}
 */
export async function prepareSeparation() {
  if (process.getuid?.() !== 0) return;
  await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  if (await run('id', ['sshd']).then(() => true, () => false)) return;
  const user = ['--system', '--gid', 'nogroup', '--home-dir', '/run/sshd', '--no-create-home', '--shell', '/usr/sbin/nologin'];
  await run('useradd', [...user, 'sshd']);
}

/**
 * Takes the files of Debian's or Ubuntu's openssh-server into our cache. The package itself is not installed: its
 * postinst enables a service that opens port 22 at the next boot, whatever policy-rc.d says. Needs root and fresh lists.
 *
 * @param {(packages: string[]) => Promise<unknown>} install installs the libraries that it needs
 * @returns {Promise<void>}
 */
export async function takeSshd(install) {
  await mkdir(cacheDir(), { recursive: true });
  const work = await mkdtemp(join(cacheDir(), `${FILES}-`));
  try {
    await run('apt-get', ['download', FILES], { cwd: work, timeout: 300_000 });
    const archive = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (!archive) throw new Error('apt-get download brought no package');
    const { stdout } = await run('dpkg-deb', ['-f', join(work, archive), 'Depends']);
    const wanted = await listMissing(librariesOf(stdout));
    if (wanted.length > 0) await install(wanted);
    const files = join(work, 'files');
    await run('dpkg-deb', ['-x', join(work, archive), files]);
    await run('chmod', ['-R', 'a+rX', work]);
    await rm(join(cacheDir(), FILES), { recursive: true, force: true });
    await rename(files, join(cacheDir(), FILES));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  await prepareSeparation();
}

/**
 * The shared libraries among a package's dependencies; the rest only serves the service.
 *
 * @param {string} depends the control field
 * @returns {string[]}
 */
export function librariesOf(depends) {
  return depends
    .split(',')
    .map((one) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(one)?.[1] ?? '')
    .filter((name) => name.startsWith('lib'));
}

/** @param {string[]} packages @returns {Promise<string[]>} */
async function listMissing(packages) {
  const missing = [];
  for (const name of packages) {
    const asked = run('dpkg-query', ['-W', '-f', '${Status}', name]);
    if (!(await asked.then(({ stdout }) => stdout.endsWith(' installed'), () => false))) missing.push(name);
  }
  return missing;
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
