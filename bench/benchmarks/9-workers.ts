import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { Arrivals } from '../arrivals.js';
import { askFor, nextOf } from '../app-messages.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, row, rowHead } from '../figures.js';
import { appEnvironment, measured, openBenchSite, writeFresh, type BenchSite } from '../site.js';

const size = 50_000,
  count = 4,
  /** Each worker has been at work for a while: its code is compiled by then. */
  warmUp = 300;

export const workers: Benchmark = {
  number: 9,
  title: 'Four workers of one host: a save in one that does not lead',
  async run(settings): Promise<Result> {
    const saves = settings.saves ?? 80;
    const site = await openBenchSite(settings, { app: false });
    cluster.setupPrimary({ exec: site.appFile, execArgv: ['--expose-gc'] });
    const all: Worker[] = [];
    try {
      // The first one gets the lease.
      const holder = cluster.fork(appEnvironment(site));
      all.push(holder);
      const held = nextOf(holder, 'lease');
      await nextOf(holder, 'started');
      await held;
      while (all.length < count) {
        const worker = cluster.fork(appEnvironment(site));
        all.push(worker);
        await nextOf(worker, 'started');
      }
      settings.say(`${String(count)} workers, one of which holds the lease`);
      return await measure(site, holder, all.slice(1), saves);
    } finally {
      for (const worker of all) await endWorker(worker);
      await site.close();
    }
  },
};

async function measure(
  site: BenchSite,
  holder: Worker,
  others: readonly Worker[],
  saves: number,
): Promise<Result> {
  const times = {
    holder: [] as number[],
    other: [] as number[],
    leaderSave: [] as number[],
    otherSave: [] as number[],
  };
  const arrivals = await Arrivals.at(site.receivers, measured);
  try {
    for (let i = 0; i < saves + warmUp; i++) {
      const other = others[i % others.length] ?? holder;
      for (const [worker, into, save] of [
        [holder, times.holder, times.leaderSave],
        [other, times.other, times.otherSave],
      ] as const) {
        const name = `${worker === holder ? 'holder' : 'other'}-${String(i)}.jpg`;
        const content = await writeFresh(site.sender, name, size);
        const arriving = arrivals.expect(name);
        const { began, saved } = await askFor(
          worker,
          { ask: 'save', file: `${measured}/${name}` },
          'saved',
        );
        const arrived = await arriving;
        await arrivals.check(name, content);
        if (i < warmUp) continue;
        into.push(Math.max(...arrived) - began);
        save.push(saved - began);
      }
    }
  } finally {
    arrivals.close();
  }
  const more = median(times.other) - median(times.holder);
  return {
    sizes:
      `${String(saves)} saves each, in turns, after ${String(warmUp)} that are not counted; three ` +
      `other hosts`,
    tables: [
      {
        head: rowHead,
        rows: [
          row('in the worker that leads: save()', times.leaderSave),
          row('… until all three have it', times.holder),
          row('in another worker: save()', times.otherSave),
          row('… until all three have it', times.other),
        ],
      },
    ],
    goals: [
      {
        goal: 'a save in another worker: ≤ 2 ms more than in the one that leads, to all three hosts',
        measured: `${milliseconds(more)} more`,
        met: more <= 2,
      },
    ],
    notes: [],
  };
}

async function endWorker(worker: Worker): Promise<void> {
  if (worker.isDead()) return;
  const ended = once(worker, 'exit');
  worker.send({ ask: 'end' });
  await ended;
}
