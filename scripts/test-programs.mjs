// Programs that some tests run beside rsync and sshd: where to find one, and how to take the files
// of its Debian package without installing a service.
import { delimiter, join } from 'node:path';
import { cacheDirs } from './cache.mjs';
import { takePackageFiles } from './package-files.mjs';
import { isProgram } from './programs.mjs';

/** @typedef {'nginx' | 'caddy' | 'bwrap' | 'promtool' | 'lsyncd'} TestProgram */

/**
 * The packages that may have the program, and its place in them. On older Ubuntus the package nginx
 * is empty.
 *
 * @type {Readonly<Record<TestProgram, { packages: readonly string[], file: string }>>}
 */
const PROGRAMS = {
  nginx: { packages: ['nginx', 'nginx-core'], file: 'usr/sbin/nginx' },
  caddy: { packages: ['caddy'], file: 'usr/bin/caddy' },
  promtool: { packages: ['prometheus'], file: 'usr/bin/promtool' },
  bwrap: { packages: ['bubblewrap'], file: 'usr/bin/bwrap' },
  lsyncd: { packages: ['lsyncd'], file: 'usr/bin/lsyncd' },
};

export const testPrograms = /** @type {TestProgram[]} */ (Object.keys(PROGRAMS));

/**
 * @param {TestProgram} name
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string | undefined>} where it is
 */
export async function findTestProgram(name, env = process.env) {
  const { packages, file } = PROGRAMS[name];
  const installed = [...(env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'].map(
    (dir) => join(dir, name),
  );
  const taken = cacheDirs(env).flatMap((cache) => packages.map((one) => join(cache, one, file)));
  for (const program of [...installed, ...taken])
    if (program.startsWith('/') && (await isProgram(program))) return program;
  return undefined;
}

/**
 * Needs root and fresh lists of packages.
 *
 * @param {TestProgram} name
 * @param {(packages: string[]) => Promise<unknown>} install installs the libraries that it needs
 * @returns {Promise<void>}
 */
export async function takeTestProgram(name, install) {
  const { packages } = PROGRAMS[name];
  for (const one of packages) {
    await takePackageFiles(one, install);
    if ((await findTestProgram(name)) !== undefined) return;
  }
  throw new Error(`no ${name} came with ${packages.join(' or ')}`);
}
