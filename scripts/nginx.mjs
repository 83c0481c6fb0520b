// The nginx that runs the example of docs/serving.md in a test: where to find one, and how to take
// its files without installing a service.
import { delimiter, join } from 'node:path';
import { cacheDirs } from './cache.mjs';
import { takePackageFiles } from './package-files.mjs';
import { isProgram } from './programs.mjs';

/**
 * The packages that may have the program: Debian's, and that of older Ubuntus, where the first one
 * is empty.
 */
const PACKAGES = ['nginx', 'nginx-core'];

/** @param {NodeJS.ProcessEnv} env @returns {Promise<string | undefined>} the program */
export async function findNginx(env = process.env) {
  const installed = [...(env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'].map(
    (dir) => join(dir, 'nginx'),
  );
  const taken = cacheDirs(env).flatMap((cache) =>
    PACKAGES.map((name) => join(cache, name, 'usr/sbin/nginx')),
  );
  for (const program of [...installed, ...taken])
    if (program.startsWith('/') && (await isProgram(program))) return program;
  return undefined;
}

/**
 * @param {(packages: string[]) => Promise<unknown>} install installs the libraries that it needs
 *   @returns {Promise<void>}
 */
export async function takeNginx(install) {
  for (const name of PACKAGES) {
    await takePackageFiles(name, install);
    if ((await findNginx()) !== undefined) return;
  }
  throw new Error(`the packages ${PACKAGES.join(' and ')} brought no nginx`);
}
