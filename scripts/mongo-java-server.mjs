// mongo-java-server in a process of its own, for where no mongod can be had but Maven's packages can.
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheDir, cacheDirs } from './cache.mjs';

const run = promisify(execFile);
const launcherDir = fileURLToPath(new URL('mongo-java-server/', import.meta.url));

/**
 * @param {{ java: string, classPath: string }} way
 * @returns {Promise<{ uri: string, server: string, stop: () => Promise<void> }>}
 */
export async function startLauncher({ java, classPath }) {
  const settings = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx1g', '-XX:-UsePerfData', '-Dslf4j.internal.verbosity=ERROR'];
  // Detached, so that a ctrl-C reaches only us and we can close in order; it ends when its standard input does.
  const child = spawn(java, [...settings, '-cp', classPath, 'TestDatabase'], { detached: true });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (errors = (errors + text).slice(-4000)));
  /** @type {Promise<void>} */
  const ended = new Promise((resolve) => child.once('close', () => resolve()));
  const stop = async () => {
    child.stdin.end();
    const late = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(late);
  };
  child.stdin.on('error', () => {}); // It ended before we did: the next query says so.
  /** @type {NodeJS.Timeout | undefined} */
  let late;
  try {
    const port = await new Promise((resolve, reject) => {
      late = setTimeout(() => reject(new Error(`mongo-java-server does not start: ${errors}`)), 30_000);
      createInterface(child.stdout).once('line', (line) => resolve(/^port (\d+)$/.exec(line)?.[1]));
      child.once('error', reject);
      void ended.then(() => reject(new Error(`mongo-java-server ended at its start: ${errors}`)));
    });
    return { uri: `mongodb://127.0.0.1:${port}/`, server: 'mongo-java-server 1.47.0, announced as MongoDB 5.0', stop };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/** Named by what it is made of, so that a change here or a new version builds anew. */
async function launcherName() {
  const hash = createHash('sha256');
  for (const name of ['pom.xml', 'TestDatabase.java']) hash.update(await readFile(join(launcherDir, name)));
  return `mongo-java-server-${hash.digest('hex').slice(0, 12)}`;
}

/** @param {string} dir */
const classPathOf = (dir) => [join(dir, 'classes'), join(dir, 'jars', '*')].join(delimiter);

/** @param {NodeJS.ProcessEnv} env @returns {Promise<string | undefined>} its class path, where it was built before */
export async function findLauncher(env) {
  const name = await launcherName();
  const dir = cacheDirs(env).map((cache) => join(cache, name)).find((one) => existsSync(one));
  return dir && classPathOf(dir);
}

/**
 * Fetches its jars with Maven and compiles it. Throws what Maven said where that fails.
 *
 * @returns {Promise<string>} its class path
 */
export async function buildLauncher() {
  const dir = join(cacheDir(), await launcherName());
  await mkdir(cacheDir(), { recursive: true });
  const work = await mkdtemp(`${dir}-`);
  try {
    const pom = join(launcherDir, 'pom.xml');
    await run('mvn', ['-B', '-q', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${join(work, 'jars')}`], {
      timeout: 300_000,
    });
    const java = ['--release', '17', '-cp', join(work, 'jars', '*'), '-d', join(work, 'classes')];
    await run('javac', [...java, join(launcherDir, 'TestDatabase.java')], { timeout: 60_000 });
    await run('chmod', ['-R', 'a+rX', work]);
    // Whoever is first wins; a rival's is the same.
    await rename(work, dir).catch((/** @type {unknown} */ error) => {
      if (!existsSync(dir)) throw error;
    });
  } catch (error) {
    const { stdout = '', message } = /** @type {Error & { stdout?: string }} */ (error);
    throw new Error(`${message}\n${stdout}`.trim(), { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return classPathOf(dir);
}
