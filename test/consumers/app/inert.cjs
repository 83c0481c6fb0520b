// What an application's own tests do with a plugged model on a machine that was never initialised, in any test runner. It closes
// nothing of syncmedia: nothing may be left that keeps a process alive.
const assert = require('node:assert');
const net = require('node:net');

/** How much of each kind keeps this process alive, without the pipes of the test runner. */
function countResources() {
  const counts = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (/Timeout|TCP|Worker|MessagePort|FSEvent|StatWatcher|Process/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** The kinds of which more is left than before. Those of the test runner come and go, so it looks for two seconds. */
async function listAdded(before) {
  let added;
  for (let look = 0; look < 20; look++) {
    added = Object.entries(countResources()).filter(([kind, count]) => count > (before[kind] ?? 0));
    if (added.length === 0) break;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  return added;
}

/** Runs `work`, and returns what it connected to and what it warned of. */
async function watch(work) {
  const noted = [];
  const { connect } = net.Socket.prototype;
  const { warn, error } = console;
  const { write } = process.stderr;
  const onWarning = (warning) => noted.push(`warning: ${warning.message}`);
  net.Socket.prototype.connect = function (...args) {
    noted.push(`connection: ${JSON.stringify(args[0])}`);
    return connect.apply(this, args);
  };
  console.warn = console.error = (...words) => noted.push(`log: ${words.join(' ')}`);
  process.stderr.write = function (text, ...args) {
    if (/warning|error/i.test(text)) noted.push(`log: ${text}`);
    return write.call(this, text, ...args);
  };
  process.on('warning', onWarning);
  try {
    await work();
    // Warnings of the process come a turn later.
    await new Promise((resolve) => { setImmediate(resolve); });
  } finally {
    net.Socket.prototype.connect = connect;
    Object.assign(console, { warn, error });
    process.stderr.write = write;
    process.off('warning', onWarning);
  }
  return noted;
}

const define = ({ mongoose, syncmedia }) => {
  const schema = new mongoose.Schema({ title: { type: String, required: true }, file: String });
  schema.plugin(syncmedia.syncMedia, { syncDirs: 'uploads' });
  return schema;
};

/** A test without a database. */
exports.checkWithoutDatabase = async function checkWithoutDatabase(modules) {
  const { express, mongoose, syncmedia, testing } = modules;
  const before = countResources();
  const noted = await watch(async () => {
    const Photo = mongoose.createConnection().model('Photo', define(modules));
    const sync = await syncmedia.startSyncMedia();
    assert.equal(sync.initialised, false);
    const app = express();
    app.use('/uploads', syncmedia.serveMedia('uploads'));
    app.use('/sync-admin', syncmedia.syncAdmin());
    app.use('/ready', syncmedia.syncReady());
    const photo = new Photo({ title: 'a title', file: 'uploads/a.jpg' });
    await photo.validate();
    assert.deepEqual((await testing.listSentFiles(photo, { root: '.' })).notSent, []);
    await assert.rejects(new Photo({}).validate(), /title/);
  });
  assert.deepEqual(noted, []);
  assert.deepEqual(await listAdded(before), []);
};

/** A test whose database is the application's own: syncmedia sends it nothing. */
exports.checkWithDatabase = async function checkWithDatabase(modules) {
  const { mongoose } = modules;
  const connection = mongoose.createConnection();
  const Photo = connection.model('Photo', define(modules));
  // docs/testing.md: the driver of Mongoose 9 cannot import it in Jest without a flag.
  const adapters = mongoose.version.startsWith('9.') ? { runtimeAdapters: { os: require('node:os') } } : {};
  await connection.openUri(process.env.CONSUMER_MONGODB_URI, { serverSelectionTimeoutMS: 5000, monitorCommands: true, ...adapters });
  const commands = [];
  connection.getClient().on('commandStarted', ({ commandName, command }) => commands.push(`${commandName} ${command[commandName]}`));
  const noted = await watch(async () => {
    const photo = await Photo.create({ title: 'a title', file: 'uploads/a.jpg' });
    await photo.set({ file: 'uploads/b.jpg' }).save();
    await Photo.updateOne({ _id: photo._id }, { file: 'uploads/c.jpg' });
    await photo.deleteOne();
  });
  await connection.close();
  assert.deepEqual(noted.filter((what) => !what.startsWith('connection: ')), []);
  assert.deepEqual(commands.filter((command) => /syncmedia/.test(command)), []);
  for (const name of ['insert photos', 'update photos', 'delete photos']) assert.ok(commands.includes(name), name);
};
