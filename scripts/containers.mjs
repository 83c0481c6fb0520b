// What `npm run test:containers` needs beside what all tests need: podman, and an image to begin
// with. No registry of images is asked: the image is made of Debian's packages.
import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDir } from './cache.mjs';
import { findProgram } from './programs.mjs';

const run = promisify(execFile);

/** The Debian packages of the machine. */
export const podmanPackages = [
  'podman',
  'podman-compose',
  'runc',
  'netavark',
  'aardvark-dns',
  'iptables',
  'iproute2',
  'mmdebstrap',
];
const PROGRAMS = ['podman', 'podman-compose', 'runc', 'ip', 'nsenter', 'mmdebstrap'];

/** The Debian packages of the image; the last three are for Node and mongod. */
const CONTENT = [
  'ca-certificates',
  'openssh-client',
  'openssh-server',
  'procps',
  'python3',
  'rsync',
  'tini',
  'libatomic1',
  'libstdc++6',
  'libcurl4',
];

/** @returns {Promise<string[]>} the programs that are missing */
export async function findMissingForContainers() {
  const found = await Promise.all(PROGRAMS.map((name) => findProgram(name)));
  return PROGRAMS.filter((_name, index) => found[index] === undefined);
}

/** @returns {string} the archive of the image */
export const containerBase = () => join(cacheDir(), 'container-base.tar');

/**
 * Makes the archive, unless an earlier run did. Takes a minute at most, and needs root.
 *
 * @returns {Promise<void>}
 */
export async function makeContainerBase() {
  if (
    await stat(containerBase()).then(
      () => true,
      () => false,
    )
  )
    return;
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  if (release === undefined) throw new Error('/etc/os-release names no release of Debian');
  await mkdir(cacheDir(), { recursive: true });
  const own = `${containerBase()}.${String(process.pid)}.tar`;
  try {
    await run(
      'mmdebstrap',
      ['--quiet', '--variant=minbase', `--include=${CONTENT.join(',')}`, release, own],
      { timeout: 600_000 },
    );
    await rename(own, containerBase());
  } finally {
    await rm(own, { force: true });
  }
}
