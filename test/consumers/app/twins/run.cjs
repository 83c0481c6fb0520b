// Twins: two models of one schema, one with the plugin and one without, carry out the same operations, and must come to the same.
// Prints one JSON object: { mode, operations, immediate, buffered, captures, differences }.
const fs = require('node:fs');
const path = require('node:path');
const mongoose = require('mongoose');
const { createSyncMedia } = require('syncmedia');
const { describe } = require('./describe.cjs');
const { faulty } = require('./faulty.cjs');
const { operations } = require('./operations.cjs');
const { schemas } = require('./schemas.cjs');
const { makeSeed } = require('./seed.cjs');

/**
 * `offline`: a connection that is never opened; `online`: one that is. Whether the machine is initialised is what its state folder says.
 * The second argument is the plugin, `syncmedia` or `faulty`. The third one runs what has it in its name, or `all`; without it one schema
 * carries out everything, and the others a share each.
 */
const [mode, plugin, only] = process.argv.slice(2);
const offline = mode === 'offline';
const whole = offline ? ['plain', 'propagating'] : ['propagating'];
const share = offline ? 6 : 16;
const isChosen = (kind, kindIndex, name, index) => {
  if (only) return only === 'all' || `${kind}: ${name}`.includes(only);
  return whole.includes(kind) || (index + kindIndex) % share === 0;
};

mongoose.set('bufferTimeoutMS', 600);
const connection = mongoose.createConnection();
const sync = createSyncMedia({ connection, stateDir: path.resolve(process.env.SYNCMEDIA_STATE_DIR), log: { info() {}, warn() {}, error() {} } });

function compile(kind, make, plugged) {
  const calls = [];
  const dir = `uploads/${kind}`;
  fs.mkdirSync(dir, { recursive: true });
  for (const name of 'abcdef') fs.writeFileSync(`${dir}/${name}.jpg`, name);
  const schema = make(mongoose, calls, (one, options) => {
    if (plugged) one.plugin(plugin === 'faulty' ? faulty : sync.plugin, { syncDirs: dir, ...options });
    return one;
  });
  const side = plugged ? 'twin' : 'bare';
  const model = connection.model(`${plugged ? 'Twin' : 'Bare'}${kind}`, schema, `${side}_${kind.toLowerCase()}`);
  return { calls, model, side };
}

const debug = [];
mongoose.set('debug', (collection, method) => debug.push(`${collection}.${method}`));
const turns = async (count) => { for (let at = 0; at < count; at++) await new Promise((resolve) => { setImmediate(resolve); }); };

/** What Mongoose 8 throws out of a callback, where nobody can catch it, counts as what the operation came to: it never settles then. */
const uncaught = [];
let onUncaught = () => undefined;
process.on('uncaughtException', (error) => {
  uncaught.push(describe(error));
  onUncaught();
});
const unsettledMs = 500;
const settleOrThrow = (outcome) => Promise.race([outcome, new Promise((resolve) => {
  onUncaught = () => { setTimeout(resolve, unsettledMs, { never: 'settled' }); };
  if (uncaught.length > 0) onUncaught();
})]);

/** Carries an operation out. Whether it is immediate is told by turns of the event loop, not by a clock. */
async function carryOut({ calls, model, side }, operation) {
  calls.length = debug.length = uncaught.length = 0;
  const watched = [];
  const at = {
    offline,
    watch: (document) => { watched.push(document); return document; },
    load: async (M, id) => (offline ? M.hydrate(makeSeed(mongoose).find(({ _id }) => String(_id) === id)) : M.findById(id)),
    transact: async (work) => {
      if (offline) return 'offline';
      const session = await connection.startSession();
      try {
        return await session.withTransaction(() => work(session)).then(() => 'committed');
      } finally {
        await session.endSession();
      }
    },
    isOwn: (name) => name.startsWith(`${side}_`) || !/^(bare|twin)_/.test(name),
  };
  let settled = false;
  let returned;
  try {
    returned = operation(model, at);
  } catch (error) {
    returned = { threw: error };
  }
  const wasPromise = typeof returned?.then === 'function';
  const outcome = Promise.resolve(returned).then((value) => ({ value }), (error) => ({ error })).then((came) => { settled = true; return came; });
  if (offline) await turns(30);
  const lost = [...uncaught];
  // Without a connection what waits is awaited later, beside all others.
  const ended = offline && lost.length === 0 ? outcome : settleOrThrow(outcome);
  const timing = !offline || settled ? 'immediate' : 'buffered';
  const finish = async () => {
    const came = await ended;
    return { wasPromise, timing, lost: offline ? lost : [...uncaught], ...describe(came), documents: watched.map((one) => describe(one)) };
  };
  return { timing, finish, calls, debug };
}

/** What is stored afterwards, and what was told and called meanwhile. */
async function look(side) {
  const { model, calls } = side;
  const stored = await model.db.db.collection(model.collection.name).find().sort({ name: 1, file: 1, slug: 1, _id: 1 }).toArray();
  const texts = stored.map((one) => JSON.stringify(describe(one))).sort();
  side.isSeeded = JSON.stringify(texts) === JSON.stringify(seeded);
  // Documents that are saved at the same time take turns in any order.
  return { stored: texts, calls: describe([...calls]).sort(), debug: describe([...debug]) };
}

/** Most operations fail, and leave the collection as it was seeded. */
async function seed(side) {
  if (side.isSeeded) return;
  const { model } = side;
  const collection = model.db.db.collection(model.collection.name);
  await collection.deleteMany({});
  await collection.insertMany(makeSeed(mongoose));
}

const seeded = makeSeed(mongoose).map((one) => JSON.stringify(describe(one))).sort();

async function main() {
  const pairs = Object.entries(schemas).map(([kind, make]) => [kind, compile(kind, make, false), compile(kind, make, true)]);
  if (!offline) {
    await connection.openUri(process.env.CONSUMER_MONGODB_URI);
    for (const { model } of pairs.flatMap(([, ...twins]) => twins)) {
      await model.createCollection();
      await model.createIndexes();
    }
  }
  const counts = { immediate: 0, buffered: 0 };
  const differences = [];
  const compare = (what, bare, twin) => {
    if (JSON.stringify(bare) !== JSON.stringify(twin)) differences.push({ what, bare, twin });
  };
  const started = [];
  let count = 0;
  for (const [kindIndex, [kind, bare, twin]] of pairs.entries()) {
    for (const [index, [name, operation]] of Object.entries(operations).entries()) {
      if (!isChosen(kind, kindIndex, name, index)) continue;
      count++;
      const sides = [];
      for (const side of [bare, twin]) {
        if (!offline) await seed(side);
        const run = await carryOut(side, operation);
        counts[run.timing]++;
        if (offline) {
          sides.push(run.finish());
        } else {
          const came = await run.finish();
          sides.push({ ...came, ...(await look(side)) });
        }
      }
      if (offline) started.push([`${kind}: ${name}`, ...sides]);
      else compare(`${kind}: ${name}`, ...sides);
    }
  }
  for (const [what, bare, twin] of started) compare(what, await bare, await twin);
  const captures = offline ? 0 : await connection.db.collection('syncmedia_captures').countDocuments();
  process.stdout.write(JSON.stringify({ mode, mongoose: mongoose.version, operations: count, ...counts, captures, differences }));
  await sync.close();
  await connection.close();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
