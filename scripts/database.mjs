// The MongoDB of the demo and the tests. Three ways, tried in this order; the first that is open is taken:
//   1. MONGODB_URI: a server that somebody runs.
//   2. A real mongod, as a replica set of one so that transactions work: installed, cached, or downloaded.
//   3. mongo-java-server, in a process of its own: where no download host answers, but Maven's does.
import { randomBytes } from 'node:crypto';
import { buildLauncher, findLauncher, startLauncher } from './mongo-java-server.mjs';
import { canDownload, downloadMongod, findMongod, startMongod } from './mongod.mjs';
import { findProgram } from './programs.mjs';

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
    try {
      return { way: 'java', java: 'java', classPath: await buildLauncher() };
    } catch (error) {
      throw new Error(`${explainNoDatabase([])}\n${/** @type {Error} */ (error).message}`, { cause: error });
    }
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

/**
 * @param {Way} way
 * @returns {Promise<{ uri: string, server: string, stop: () => Promise<void> }>}
 */
async function startServer(way) {
  if (way.way === 'java') return startLauncher(way);
  if (way.way === 'uri') return describe({ uri: way.uri, stop: async () => {} }, (version) => `the MongoDB ${version} of MONGODB_URI`);
  if (way.way !== 'mongod') throw new Error(`${way.way} is not prepared`);
  return describe(await startMongod(way.binary), (version) => `mongod ${version}, a replica set of one`);
}

/**
 * @param {{ uri: string, stop: () => Promise<void> }} started
 * @param {(version: string) => string} words
 */
async function describe(started, words) {
  try {
    return { ...started, server: words(await askForVersion(started.uri)) };
  } catch (error) {
    await started.stop();
    throw error;
  }
}

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
