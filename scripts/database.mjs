// The MongoDB of the demo and the tests. Three ways, tried in this order; the first that is open is taken:
//   1. MONGODB_URI: a server that somebody runs.
//   2. A real mongod, as a replica set of one so that transactions work: installed, cached, or downloaded.
//   3. mongo-java-server, in a process of its own: where no download host answers, but Maven's does.
import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheDir, cacheDirs } from './cache.mjs';
import { findProgram } from './programs.mjs';

const run = promisify(execFile);
const launcherDir = fileURLToPath(new URL('mongo-java-server/', import.meta.url));
const DOWNLOAD_PROBE_MS = 1500;

/**
 * @typedef {{ way: 'uri', uri: string } | { way: 'mongod', binary: string } | { way: 'download' }
 *   | { way: 'java', java: string, classPath: string } | { way: 'maven' } | { way: 'none', missing: ('java' | 'javac' | 'mvn')[] }} Way
 * @typedef {{ uri: string, server: string, transactions: boolean, stop: () => Promise<void> }} Database
 *   server: what it is, for people; transactions: as the server itself answered
 */

/**
 * Starts the first of the three ways that is open. Throws one message that names all three where none is.
 *
 * @param {{ say?: (line: string) => void }} [options] say: told what is being fetched, where that takes long
 * @returns {Promise<Database>}
 */
export async function startDatabase({ say = () => {} } = {}) {
  const started = await startServer(await prepareDatabase({ say }));
  try {
    return { ...started, transactions: await askForTransactions(started.uri) };
  } catch (error) {
    await started.stop();
    throw error;
  }
}

/**
 * Fetches whatever the open way needs, so that a later start is quick.
 *
 * @param {{ say?: (line: string) => void, quick?: boolean }} [options] quick: as for `findWay`
 * @returns {Promise<Way>}
 */
export async function prepareDatabase({ say = () => {}, quick = false } = {}) {
  let way = await findWay({ quick });
  if (way.way === 'download') {
    say('downloading mongod');
    try {
      return { way: 'mongod', binary: await downloadMongod() };
    } catch (error) {
      say(`mongod cannot be downloaded: ${/** @type {Error} */ (error).message}`);
      way = await findWay({ download: false });
    }
  }
  if (way.way === 'maven') {
    say('fetching mongo-java-server with Maven');
    return { way: 'java', java: 'java', classPath: await buildLauncher() };
  }
  if (way.way === 'none') throw new Error(explainNoDatabase(way.missing));
  return way;
}

/**
 * Which way is open. Starts and fetches nothing.
 *
 * @param {{ env?: NodeJS.ProcessEnv, download?: boolean, quick?: boolean }} [options]
 *   download: false rules the download of a mongod out;
 *   quick: where the third way stands ready, that is an answer, and the network is not asked for the second
 * @returns {Promise<Way>}
 */
export async function findWay({ env = process.env, download = true, quick = false } = {}) {
  if (env.MONGODB_URI) return { way: 'uri', uri: env.MONGODB_URI };
  const binary = await findMongod(env);
  if (binary) return { way: 'mongod', binary };
  const classPath = (await findProgram('java', env)) && (await findLauncher(env));
  if (!(quick && classPath) && download && (await canDownload(env))) return { way: 'download' };
  if (classPath) return { way: 'java', java: 'java', classPath };
  /** @type {('java' | 'javac' | 'mvn')[]} */
  const missing = [];
  for (const name of /** @type {const} */ (['java', 'javac', 'mvn'])) if (!(await findProgram(name, env))) missing.push(name);
  return missing.length === 0 ? { way: 'maven' } : { way: 'none', missing };
}

/** @param {string[]} missing */
export function explainNoDatabase(missing) {
  return [
    'no MongoDB for the demo and the tests. One of these three is needed:',
    '  1. MONGODB_URI=mongodb://… : a server of yours, 4.4 or newer',
    '  2. mongod on the PATH, or a network in which mongodb-memory-server can download one',
    `  3. Java 17 and Maven, for mongo-java-server (missing: ${missing.join(', ') || 'what Maven could not fetch'});`,
    '     on Debian or Ubuntu: apt-get install default-jdk-headless maven',
  ].join('\n');
}

/**
 * The same server's URI for another database.
 *
 * @param {string} uri
 * @param {string} name
 * @returns {string}
 */
export function uriOfDatabase(uri, name) {
  const match = /^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(uri);
  if (!match) throw new Error('this is not a MongoDB URI');
  const [, server = '', previous, options] = match;
  const parameters = options ? options.split('&') : [];
  // A login is looked up in the URI's database unless told otherwise, and that is still the previous one.
  const needsSource = server.includes('@') && previous && !parameters.some((one) => /^authSource=/i.test(one));
  if (needsSource) parameters.push(`authSource=${previous}`);
  return `${server}/${name}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`;
}

/** @param {Way} way @returns {Promise<{ uri: string, server: string, stop: () => Promise<void> }>} */
async function startServer(way) {
  switch (way.way) {
    case 'uri':
      return { uri: way.uri, server: `the MongoDB of MONGODB_URI (${await askForVersion(way.uri)})`, stop: async () => {} };
    case 'mongod':
      return startMongod(way.binary);
    case 'java':
      return startLauncher(way);
    default:
      throw new Error(`${way.way} is not prepared`);
  }
}

// --- 2. mongod

/** @param {string} binary */
async function startMongod(binary) {
  const { MongoMemoryReplSet } = await import('mongodb-memory-server-core');
  const set = await MongoMemoryReplSet.create({
    binary: { systemBinary: binary },
    // Detached as in way 3; the package ends it when we are gone.
    replSet: { count: 1, ip: '127.0.0.1', spawn: { detached: true } },
  });
  const uri = set.getUri();
  const stop = async () => void (await set.stop({ doCleanup: true, force: true }));
  try {
    return { uri, server: `mongod ${await askForVersion(uri)}, a replica set of one`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @param {NodeJS.ProcessEnv} env @returns {Promise<string | undefined>} one that is installed or was downloaded before */
async function findMongod(env) {
  const { DryMongoBinary } = await import('mongodb-memory-server-core/lib/util/DryMongoBinary.js');
  const installed = env.MONGOMS_SYSTEM_BINARY ?? (await findProgram('mongod', env));
  // Any version does; without this, one that is not the newest is warned about at each start.
  if (installed) process.env.MONGOMS_SYSTEM_BINARY_VERSION_CHECK ??= 'false';
  return installed ?? (await DryMongoBinary.locateBinary(await DryMongoBinary.generateOptions()));
}

async function downloadMongod() {
  const { MongoBinary } = await import('mongodb-memory-server-core/lib/util/MongoBinary.js');
  return MongoBinary.getPath();
}

/**
 * Asked before any download: offline, the downloader's own retries take 7 s, and a stalled connection 60.
 *
 * @param {NodeJS.ProcessEnv} env
 */
async function canDownload(env) {
  const { resolveConfig, ResolveConfigVariables: names, envToBool } = await import(
    'mongodb-memory-server-core/lib/util/resolveConfig.js'
  );
  if (!envToBool(resolveConfig(names.RUNTIME_DOWNLOAD))) return false;
  const host = new URL(resolveConfig(names.DOWNLOAD_MIRROR) ?? 'https://fastdl.mongodb.org');
  const proxy = env.HTTPS_PROXY ?? env.https_proxy;
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(DOWNLOAD_PROBE_MS);
    const secure = host.protocol === 'https:';
    const asked = proxy
      ? requestHttp(proxy, { method: 'CONNECT', path: `${host.hostname}:${host.port || 443}`, signal })
      : (secure ? requestHttps : requestHttp)(host, { method: 'HEAD', signal });
    /** @param {{ statusCode?: number }} answer */
    const judge = ({ statusCode = 0 }) => {
      asked.destroy();
      resolve(statusCode > 0 && statusCode < 500 && (!proxy || statusCode === 200));
    };
    asked.on('response', judge).on('connect', judge);
    asked.on('error', () => resolve(false)).end();
  });
}

// --- 3. mongo-java-server

/** @param {{ java: string, classPath: string }} way */
async function startLauncher({ java, classPath }) {
  const settings = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx1g', '-Dslf4j.internal.verbosity=ERROR'];
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
async function findLauncher(env) {
  const name = await launcherName();
  const dir = cacheDirs(env).map((cache) => join(cache, name)).find((one) => existsSync(one));
  return dir && classPathOf(dir);
}

async function buildLauncher() {
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
    throw new Error(`${explainNoDatabase([])}\n${message}\n${stdout}`.trim(), { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return classPathOf(dir);
}

// --- asking

/** @param {string} uri */
async function askForVersion(uri) {
  return withClient(uri, async (client) => String((await client.db('admin').command({ buildInfo: 1 })).version));
}

/**
 * By trying one: a server may announce a version that has them and have none.
 *
 * @param {string} uri
 */
async function askForTransactions(uri) {
  return withClient(uri, async (client) => {
    const collection = client.db(`syncmedia_probe_${randomBytes(4).toString('hex')}`).collection('probe');
    const session = client.startSession();
    try {
      session.startTransaction();
      await collection.findOne({}, { session });
      await session.commitTransaction();
      return true;
    } catch (error) {
      if (isAnswer(error)) return false;
      throw error;
    } finally {
      await session.endSession();
    }
  });
}

/** @param {unknown} error whether it says what the server can't do, and not that there was none to ask */
const isAnswer = (error) => error instanceof Error && /^Mongo(Server|Compatibility|Transaction)Error$/.test(error.name);

/**
 * @template T
 * @param {string} uri
 * @param {(client: import('mongoose').mongo.MongoClient) => Promise<T>} ask
 */
async function withClient(uri, ask) {
  const { default: mongoose } = await import('mongoose');
  const client = new mongoose.mongo.MongoClient(uri, { serverSelectionTimeoutMS: 10_000 });
  try {
    await client.connect();
    return await ask(client);
  } finally {
    await client.close();
  }
}
