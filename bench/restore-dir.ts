// What `restore --dir` takes: a sync dir of many files, all of which were replaced, becomes as it
// was before, on a host that sends them to another one: node --import tsx bench/restore-dir.ts
// [--files N]
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startDatabase } from '../scripts/database.mjs';
import { dir } from '../test/flow/site.js';
import { processMark } from '../test/harness/leftovers.js';
import { until } from '../test/harness/wait.js';
import { now } from './figures.js';
import { openBenchSite, type BenchSite } from './site.js';

const { values } = parseArgs({ options: { files: { type: 'string' } } });
const files = Number(values.files ?? 10_000);
/** Files that are replaced by one call. */
const batch = 500;
const patience = { timeout: 600_000, interval: 200 };
const say = (line: string): void => {
  console.error(line);
};

processMark();
const server = await startDatabase({ say });
const site = await openBenchSite(
  { server, say, files: undefined, saves: undefined },
  { receivers: 1, files, backend: 'git' },
);
try {
  await untilRecorded(site);
  const then = new Date();
  await until(() => Date.now() > then.getTime() + 5);
  await replaceAll(site);
  await untilRecorded(site);
  for (const dryRun of [true, false]) await measure(site, then, dryRun);
} finally {
  await site.close();
  await server.stop();
}

async function replaceAll({ app, sender }: BenchSite): Promise<void> {
  const rows = app.connection.collection<{ _id: string }>('syncmedia_ledger');
  const paths = (await rows.find({}, { projection: { _id: 1 } }).toArray()).map(({ _id }) => _id);
  say(`replacing ${String(paths.length)} files`);
  for (let begin = 0; begin < paths.length; begin += batch) {
    const some = paths.slice(begin, begin + batch);
    for (const path of some)
      await writeFile(sender.path(path), `the new ${path}`.padEnd(1_100, '.'));
    await app.sync.capture(some);
  }
}

async function untilRecorded({ app }: BenchSite): Promise<void> {
  const rows = app.connection.collection('syncmedia_ledger');
  const isLeft = async (): Promise<boolean> =>
    (await app.sync.status()).captures > 0 ||
    (await rows.countDocuments({
      $or: [{ unrecorded: true }, { 'pending.0': { $exists: true } }],
    })) > 0;
  await until(async () => !(await isLeft()), patience);
}

async function measure({ app }: BenchSite, then: Date, dryRun: boolean): Promise<void> {
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let peak = before;
  const watching = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 50);
  const began = now();
  const { id } = await app.sync.history.restoreDir(dir, then.toISOString(), { dryRun });
  const run = await app.sync.runs.follow(id);
  const took = now() - began;
  clearInterval(watching);
  if (run.filesFound !== files || (!dryRun && run.files !== files))
    throw new Error(`restored ${String(run.files)} of ${String(run.filesFound)} files`);
  console.log(
    `${dryRun ? 'dry run' : 'restore'} of ${files.toLocaleString('en')} files: ` +
      `${(took / 1000).toFixed(1)} s; the process grew from ${toMebibytes(before)} by ` +
      toMebibytes(peak - before),
  );
}

function toMebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
