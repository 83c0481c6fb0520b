// A process of the sender's app, for benchmarks that need one of its own: says what happens, and
// does what it is told, by messages.
import mongoose, { Schema } from 'mongoose';
import { createSyncMedia } from '../src/instance/create.js';
import type { Ask, Told } from './app-messages.js';
import { drainBare } from './bare-put.js';
import { now } from './figures.js';

const { BENCH_URI: uri = '', BENCH_DIR: dir = '' } = process.env;
const tell = (told: Told): void => {
  process.send?.(told);
};
const commands = new Map<string, number>();

const connection = await mongoose.createConnection(uri, { monitorCommands: true }).asPromise();
connection.getClient().on('commandStarted', ({ commandName }) => {
  commands.set(commandName, (commands.get(commandName) ?? 0) + 1);
});
const sync = createSyncMedia({ connection, log: { info: () => undefined, warn: say, error: say } });
const schema = new Schema({ title: { type: String, required: true }, file: String });
schema.plugin(sync.plugin, { syncDirs: [dir], exclude: '*.tmp' });
const Photo = connection.model('Photo', schema);
let peak = 0;
let watching: NodeJS.Timeout | undefined;
sync.on('lease', ({ held }) => {
  tell({ told: 'lease', held });
});

process.on('message', (message: Ask) => {
  void carryOut(message);
});
process.on('disconnect', () => {
  void end();
});
tell({ told: 'starting', at: now() });
// For comparison: a process that is only connected.
if (process.env.BENCH_UNSTARTED === undefined) await sync.start();
tell({ told: 'started' });

async function carryOut(message: Ask): Promise<void> {
  if (message.ask === 'save') {
    const began = now();
    await Photo.create({ title: 'measured', file: message.file });
    tell({ told: 'saved', began, saved: now() });
  } else if (message.ask === 'usage') {
    if (message.anew) {
      globalThis.gc?.();
      peak = process.memoryUsage.rss();
      commands.clear();
      if (message.watch === true)
        watching ??= setInterval(() => {
          peak = Math.max(peak, process.memoryUsage.rss());
        }, 20);
    }
    tell({
      told: 'usage',
      at: now(),
      commands: Object.fromEntries(commands),
      cpu: process.cpuUsage(),
      rss: process.memoryUsage().rss,
      peak,
    });
  } else if (message.ask === 'drain') {
    const to = (await sync.hosts.list()).find(({ hostname }) => hostname === message.to);
    if (!to) throw new Error(`no host ${message.to}`);
    const {
      SYNCMEDIA_ROOT: rootPath = '',
      SYNCMEDIA_STATE_DIR: stateDir = '',
      SYNCMEDIA_IDENTITY: identityFile = '',
    } = process.env;
    await drainBare(connection.collection('syncmedia_ledger'), to, {
      rootPath,
      stateDir,
      identityFile,
    });
    tell({ told: 'drained' });
  } else {
    await end();
  }
}

async function end(): Promise<void> {
  clearInterval(watching);
  await sync.close();
  await connection.close();
  process.exit(0);
}

function say(message: string): void {
  process.stderr.write(`app ${String(process.pid)}: ${message}\n`);
}
