import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Arrivals } from '../arrivals.js';
import { askFor, nextOf } from '../app-messages.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, row, rowHead } from '../figures.js';
import { measureOutages } from '../outage.js';
import { endApp, forkApp, measured, openBenchSite, writeFresh, type BenchSite } from '../site.js';

const size = 50_000;

/**
 * How a process of the app ends; `reload`: two workers, each of which closes once a new one has
 * started, as `pm2 reload` does.
 */
const ends = ['sync.close()', 'SIGTERM without a handler', 'SIGKILL', 'reload'] as const;
type End = (typeof ends)[number];
/**
 * Milliseconds until a file is on the other host: from the start of the process, and from its call
 * of `startSyncMedia()`.
 */
interface Times {
  readonly fromStart: number[];
  readonly fromCall: number[];
}

export const restarts: Benchmark = {
  number: 10,
  title: 'Restarts and outages: from the start or the return to the first delivery',
  async run(settings): Promise<Result> {
    const rounds = settings.saves ?? 5;
    const site = await openBenchSite(settings, { app: false, receivers: 1 });
    const arrivals = await Arrivals.at(site.receivers, measured);
    const times = new Map<End, Times>();
    const connecting: number[] = [];
    try {
      for (let i = 0; i < rounds; i++) connecting.push(await connectOnly(site));
      for (const end of ends) {
        const these: Times = { fromStart: [], fromCall: [] };
        times.set(end, these);
        for (let i = 0; i < rounds; i++)
          await (end === 'reload'
            ? reload(site, arrivals, these)
            : restart(site, arrivals, end, these));
        settings.say(`${end}: ${milliseconds(median(these.fromStart))}`);
      }
    } finally {
      arrivals.close();
      await site.close();
    }
    const outages = await measureOutages(settings, settings.files ?? 3_000);
    const files = `${outages.files.toLocaleString('en')} pending files`;
    const all = [...times.values()];
    const longest = Math.max(...all.flatMap(({ fromStart }) => fromStart));
    return {
      sizes:
        `${String(rounds)} restarts of each kind; what the process before had saved and ` +
        `could not deliver, at a reload what the new one saves first; one other host. Outages of ` +
        `${String(outages.awayMs / 1000)} s, in which a process saves ${files} of 50 KB`,
      tables: [
        {
          head: rowHead,
          rows: [
            row('for comparison: a process that loads Mongoose and connects', connecting),
            ...[...times].flatMap(([end, { fromStart, fromCall }]) => [
              row(`${end}: from the start of the process`, fromStart),
              row('… from its call of startSyncMedia()', fromCall),
            ]),
            row('the sshd of a host is back: until the first pending file is there', outages.first),
            row(`… until all ${files} are there`, outages.all),
          ],
        },
      ],
      goals: [
        {
          goal:
            'from the start of the next process to its first delivery, whatever ended the ' +
            'one before: ≤ 1 s',
          measured: `${milliseconds(longest)} at most`,
          met: longest <= 1_000,
        },
        {
          goal: 'a host returns after an outage: its first pending file after ≤ 2 s',
          measured: `${milliseconds(Math.max(...outages.first))} at most`,
          met: Math.max(...outages.first) <= 2_000,
        },
        {
          goal: `… and all ${files} after ≤ 5 s`,
          measured: `${milliseconds(Math.max(...outages.all))} at most`,
          met: Math.max(...outages.all) <= 5_000,
        },
      ],
      notes: [],
    };
  },
};

/**
 * The process before saves a file while the other host is away, and ends; the next one is started
 * once that is back.
 */
async function restart(
  site: BenchSite,
  arrivals: Arrivals,
  end: End,
  { fromStart, fromCall }: Times,
): Promise<void> {
  const [other] = site.receivers,
    name = freshName();
  const before = await start(site);
  await other?.ssh.stop({ hard: true });
  await writeFresh(site.sender, name, size);
  await askFor(before.child, { ask: 'save', file: `${measured}/${name}` }, 'saved');
  if (end === 'sync.close()') await endApp(before.child);
  else {
    const ended = once(before.child, 'exit');
    before.child.kill(end === 'SIGKILL' ? 'SIGKILL' : 'SIGTERM');
    await ended;
  }
  await other?.ssh.start();
  const arriving = arrivals.expect(name);
  const next = await start(site);
  const [arrived = NaN] = await arriving;
  fromStart.push(arrived - next.startedAt);
  fromCall.push(arrived - next.calledAt);
  await endApp(next.child);
}

async function reload(
  site: BenchSite,
  arrivals: Arrivals,
  { fromStart, fromCall }: Times,
): Promise<void> {
  const old = [await start(site), await start(site)];
  const all = [...old];
  try {
    for (const one of old) {
      const next = await start(site);
      all.push(next);
      const ending = endApp(one.child);
      const name = freshName();
      const arriving = arrivals.expect(name);
      await writeFresh(site.sender, name, size);
      await askFor(next.child, { ask: 'save', file: `${measured}/${name}` }, 'saved');
      const [arrived = NaN] = await arriving;
      fromStart.push(arrived - next.startedAt);
      fromCall.push(arrived - next.calledAt);
      await ending;
    }
  } finally {
    for (const { child } of all) await endApp(child);
  }
}

async function connectOnly({ uri }: BenchSite): Promise<number> {
  const startedAt = now();
  const child = fork(fileURLToPath(new URL('../connect-only.mjs', import.meta.url)), {
    env: { ...process.env, BENCH_URI: uri },
  });
  const ended = once(child, 'exit');
  await once(child, 'message');
  const took = now() - startedAt;
  await ended;
  return took;
}

async function start(
  site: BenchSite,
): Promise<{ child: ChildProcess; startedAt: number; calledAt: number }> {
  const startedAt = now();
  const child = forkApp(site);
  const called = nextOf(child, 'starting');
  await nextOf(child, 'started');
  return { child, startedAt, calledAt: (await called).at };
}

let files = 0;
const freshName = (): string => `restart-${String(files++)}.jpg`;
