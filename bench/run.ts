// The benchmarks, each in a process and with a database server of its own: npm run bench [--
// --only 1,3] [--files N] [--saves N] [--print] They write bench/RESULTS.md (`--print`: they do
// not); one whose bytes did not arrive fails, and its section stays as it was.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startDatabase } from '../scripts/database.mjs';
import { processMark } from '../test/harness/leftovers.js';
import { addedToSave } from './benchmarks/2-hooks.js';
import { bootstrapping } from './benchmarks/11-bootstrap.js';
import { alternatives } from './benchmarks/13-alternatives.js';
import { backends } from './benchmarks/15-backends.js';
import { backlog } from './benchmarks/7-backlog.js';
import { blockedPaths } from './benchmarks/12-blocked.js';
import { bursts } from './benchmarks/3-burst.js';
import { idleCost } from './benchmarks/6-idle.js';
import { largeFile } from './benchmarks/4-large.js';
import { manyHosts } from './benchmarks/8-hosts.js';
import { restarts } from './benchmarks/10-restarts.js';
import { roundTrips } from './benchmarks/5-round-trips.js';
import { saveToDisk } from './benchmarks/1-save.js';
import { workers } from './benchmarks/9-workers.js';
import { overviews } from './benchmarks/14-overview.js';
import type { Benchmark } from './benchmark.js';
import { format, record } from './results.js';

const benchmarks = [
  saveToDisk,
  addedToSave,
  bursts,
  largeFile,
  roundTrips,
  idleCost,
  backlog,
  manyHosts,
  workers,
  restarts,
  bootstrapping,
  blockedPaths,
  alternatives,
  overviews,
  backends,
];
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    files: { type: 'string' },
    saves: { type: 'string' },
    print: { type: 'boolean' },
  },
});
const chosen = (values.only ?? benchmarks.map(({ number }) => number).join(','))
  .split(',')
  .map((word) => benchmarks.find(({ number }) => String(number) === word.trim()));
if (chosen.includes(undefined)) {
  console.error(
    `--only takes numbers from 1 to ${String(benchmarks.length)}, as in --only 1,3; not ${JSON.stringify(values.only)}`,
  );
  process.exitCode = 2;
} else if (chosen.length === 1 && chosen[0]) {
  await runHere(chosen[0]);
} else {
  for (const benchmark of chosen) if (benchmark) await runApart(benchmark);
}

async function runHere(benchmark: Benchmark): Promise<void> {
  const began = performance.now();
  const say = (line: string): void => {
    console.error(
      `[${String(benchmark.number)} ${((performance.now() - began) / 1000).toFixed(0)} s] ${line}`,
    );
  };
  processMark();
  const load =
    `load before it ${loadavg()[0]?.toFixed(1) ?? '?'} on ` +
    `${String(availableParallelism())} processors`;
  const server = await startDatabase({ say });
  say(`${benchmark.title}; database: ${server.server}; ${load}`);
  try {
    const result = await benchmark.run({
      server,
      say,
      files: asCount(values.files),
      saves: asCount(values.saves),
    });
    if (values.print !== true)
      record(benchmarks, benchmark.number, {
        title: benchmark.title,
        at: new Date().toISOString().slice(0, 16).replace('T', ' '),
        server: server.server,
        load,
        ...result,
        machine:
          `${cpus()[0]?.model.trim() ?? ''}, ${String(Math.round(totalmem() / 2 ** 30))} ` +
          `GiB, Node ${process.version}`,
        seconds: (performance.now() - began) / 1000,
      });
    for (const table of result.tables) console.log(`${format(table)}\n`);
    for (const { goal, measured, met } of result.goals)
      console.log(
        `${met === undefined ? 'not shown' : met ? 'met' : 'NOT MET'}: ${goal}: ${measured}`,
      );
    for (const note of result.notes) console.log(note);
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  } finally {
    await server.stop();
  }
}

/** So that what one leaves in memory is not the next one's cost. */
async function runApart({ number }: Benchmark): Promise<void> {
  const sizes = (['files', 'saves'] as const).flatMap((name) =>
    values[name] === undefined ? [] : [`--${name}`, values[name]],
  );
  if (values.print === true) sizes.push('--print');
  const child = spawn(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), '--only', String(number), ...sizes],
    { stdio: 'inherit' },
  );
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) process.exitCode = 1;
}

function asCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new Error(`a size is a positive number, not ${JSON.stringify(text)}`);
  return count;
}
