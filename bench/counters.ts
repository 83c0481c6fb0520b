// What counting costs: bursts of saves to three hosts with counters and without, in turns, and the
// time of one event: node --import tsx bench/counters.ts [--saves N] [--rounds N]
import { parseArgs } from 'node:util';
import { defaultTuning } from '../src/config/config.js';
import { countEvents } from '../src/counters/count-events.js';
import { Tally } from '../src/counters/counter-sums.js';
import { EventBus } from '../src/model/events.js';
import { startDatabase } from '../scripts/database.mjs';
import { makeOutcome } from '../test/counters/outcomes.js';
import type { App } from '../test/flow/site.js';
import { processMark } from '../test/harness/leftovers.js';
import { until } from '../test/harness/wait.js';
import { median, milliseconds, now, ratio } from './figures.js';
import { measured, openBenchSite, writeFresh, type BenchSite } from './site.js';

const { values } = parseArgs({
  options: { saves: { type: 'string' }, rounds: { type: 'string' } },
});
const saves = Number(values.saves ?? 500),
  rounds = Number(values.rounds ?? 7);
/** Requests that an app has under way at once. */
const atOnce = 20;
const say = (line: string): void => {
  console.error(line);
};

showEvents();
processMark();
const server = await startDatabase({ say });
const site = await openBenchSite(
  { server, say, files: undefined, saves: undefined },
  { receivers: 3, files: 1_000 },
);
try {
  await showBursts(site);
} finally {
  await site.close();
  await server.stop();
}

/** The time of one delivery's event, by itself. */
function showEvents(): void {
  const outcome = makeOutcome(),
    count = 200_000;
  const measure = (isCounted: boolean): number => {
    const events = new EventBus();
    events.on('outcome', () => undefined);
    if (isCounted) countEvents(events, new Tally(), () => undefined);
    const began = now();
    for (let index = 0; index < count; index++)
      events.emit('outcome', { host: `host-${String(index % 50)}`, outcome, ms: 8, savedMs: 30 });
    return ((now() - began) / count) * 1_000;
  };
  const times = { counted: [] as number[], plain: [] as number[] };
  for (let round = 0; round < 7; round++) {
    times.plain.push(measure(false));
    times.counted.push(measure(true));
  }
  console.log(
    `one event: ${median(times.plain).toFixed(2)} µs without counters, ` +
      `${median(times.counted).toFixed(2)} µs with them`,
  );
}

async function showBursts({ sender, app: first }: BenchSite): Promise<void> {
  await first.close();
  const times = { counted: [] as number[], plain: [] as number[] };
  const cpu = { counted: [] as number[], plain: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    for (const kind of round % 2
      ? (['counted', 'plain'] as const)
      : (['plain', 'counted'] as const)) {
      const app = await sender.startApp({
        tuning: { ...defaultTuning, countersMs: kind === 'counted' ? 1_000 : Infinity },
        plugin: { rescan: false },
      });
      const usage = process.cpuUsage();
      const took = await runBurst(site, app, `${kind}${String(round)}`);
      const { user, system } = process.cpuUsage(usage);
      await app.close();
      say(`round ${String(round)}, ${kind}: ${milliseconds(took)}`);
      // In the first round the code is compiled.
      if (round === 0) continue;
      times[kind].push(took);
      cpu[kind].push((user + system) / 1_000);
    }
  }
  console.log(
    `${String(saves)} saves to 3 hosts, ${String(rounds)} rounds, from the first save until the last ` +
      `acknowledgement: ${milliseconds(median(times.plain))} without counters, ` +
      `${milliseconds(median(times.counted))} with them, written each second: ` +
      `${ratio(median(times.counted) / median(times.plain))}; processor time ` +
      `${milliseconds(median(cpu.plain))} and ${milliseconds(median(cpu.counted))}`,
  );
}

async function runBurst({ sender }: BenchSite, app: App, prefix: string): Promise<number> {
  const names = Array.from({ length: saves }, (_, index) => `${prefix}-${String(index)}.jpg`);
  for (const name of names) await writeFresh(sender, name, 5_000);
  await until(async () =>
    (await app.sync.status()).hosts.some(({ thisHost, lease }) => thisHost && lease),
  );
  let acknowledged = 0;
  const stop = app.sync.on('acknowledged', ({ hosts }) => (acknowledged += hosts.length));
  const began = now();
  const left = names.values();
  const save = async (): Promise<void> => {
    for (const name of left) await app.Photo.create({ title: name, file: `${measured}/${name}` });
  };
  await Promise.all(Array.from({ length: atOnce }, save));
  await until(() => acknowledged >= 3 * saves, { timeout: 120_000, interval: 2 });
  stop();
  return now() - began;
}
