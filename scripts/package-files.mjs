// The files of a Debian or Ubuntu package, without the package: installing it would enable a
// service that opens ports at the next boot, whatever policy-rc.d says.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDir } from './cache.mjs';

const run = promisify(execFile);

/**
 * Takes a package's files into our cache, in a directory of its name. apt checks the package
 * against its signed lists. Needs root and fresh lists.
 *
 * @param {string} name
 * @param {(packages: string[]) => Promise<unknown>} install installs the libraries that it needs
 * @returns {Promise<void>}
 */
export async function takePackageFiles(name, install) {
  await mkdir(cacheDir(), { recursive: true });
  const work = await mkdtemp(join(cacheDir(), `${name}-`));
  try {
    await run('apt-get', ['download', name], { cwd: work, timeout: 300_000 });
    const archive = (await readdir(work)).find((file) => file.endsWith('.deb'));
    if (!archive) throw new Error('apt-get download brought no package');
    const { stdout } = await run('dpkg-deb', ['-f', join(work, archive), 'Depends']);
    const wanted = await listMissing(librariesOf(stdout));
    if (wanted.length > 0) await install(wanted);
    const files = join(work, 'files');
    await run('dpkg-deb', ['-x', join(work, archive), files]);
    await run('chmod', ['-R', 'a+rX', work]);
    await rm(join(cacheDir(), name), { recursive: true, force: true });
    await rename(files, join(cacheDir(), name));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
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
    .filter((name) => name.startsWith('lib') || name.startsWith('zlib'));
}

/** @param {string[]} packages @returns {Promise<string[]>} */
async function listMissing(packages) {
  const missing = [];
  for (const name of packages) {
    const asked = run('dpkg-query', ['-W', '-f', '${Status}', name]);
    if (
      !(await asked.then(
        ({ stdout }) => stdout.endsWith(' installed'),
        () => false,
      ))
    )
      missing.push(name);
  }
  return missing;
}
