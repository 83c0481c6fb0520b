import { setTimeout as sleep } from 'node:timers/promises';
import { askFor, nextOf, type Usage } from '../app-messages.js';
import type { Benchmark, Result } from '../benchmark.js';
import { endApp, forkApp, openBenchSite } from '../site.js';

/** `--saves N`: how many seconds are watched. */
export const idleCost: Benchmark = {
  number: 6,
  title: 'An idle process: database operations and CPU',
  async run(settings): Promise<Result> {
    const seconds = settings.saves ?? 60;
    const site = await openBenchSite(settings, { app: false });
    const holder = forkApp(site);
    const connected = forkApp(site, { BENCH_UNSTARTED: '1' });
    try {
      await nextOf(connected, 'started');
      const held = nextOf(holder, 'lease');
      await nextOf(holder, 'started');
      await held;
      const other = forkApp(site);
      try {
        await nextOf(other, 'started');
        settings.say('waiting until all are idle');
        await sleep(10_000);
        const before = await Promise.all(
          [holder, other, connected].map((app) =>
            askFor(app, { ask: 'usage', anew: true }, 'usage'),
          ),
        );
        settings.say(`watching them for ${String(seconds)} s`);
        await sleep(seconds * 1000);
        const after = await Promise.all(
          [holder, other, connected].map((app) => askFor(app, { ask: 'usage' }, 'usage')),
        );
        const [one, two, none] = after.map((usage, i) => difference(before[i] as Usage, usage)) as [
          Idle,
          Idle,
          Idle,
        ];
        return {
          sizes: `${String(seconds)} s, two processes of one host of four, 1,000 files`,
          tables: [
            {
              head: ['process', 'operations a minute', 'which', 'CPU'],
              rows: [
                [
                  'holds the lease',
                  one.operations.toFixed(0),
                  one.which,
                  `${one.cpu.toFixed(2)} % of a core`,
                ],
                [
                  'does not',
                  two.operations.toFixed(0),
                  two.which,
                  `${two.cpu.toFixed(2)} % of a core`,
                ],
                [
                  'for comparison: only connects Mongoose',
                  none.operations.toFixed(0),
                  none.which,
                  `${none.cpu.toFixed(2)} % of a core`,
                ],
              ],
            },
          ],
          goals: [
            {
              goal: 'idle: ≤ 1 database operation a second per process',
              measured:
                `${(one.operations / 60).toFixed(2)} and ` + `${(two.operations / 60).toFixed(2)}`,
              met: Math.max(one.operations, two.operations) <= 60,
            },
            {
              goal: 'idle: < 0.5 % of a core',
              measured: `${one.cpu.toFixed(2)} % and ${two.cpu.toFixed(2)} %`,
              met: Math.max(one.cpu, two.cpu) < 0.5,
            },
          ],
          notes: [
            'Operations are commands that the driver sent, by command monitoring; its own ' +
              'heartbeats are none. CPU includes them.',
          ],
        };
      } finally {
        await endApp(other);
      }
    } finally {
      await endApp(connected);
      await endApp(holder);
      await site.close();
    }
  },
};

interface Idle {
  operations: number;
  which: string;
  cpu: number;
}

function difference(before: Usage, after: Usage): Idle {
  const minutes = (after.at - before.at) / 60_000;
  const counts = Object.entries(after.commands)
    .map(([name, count]): [string, number] => [name, count / minutes])
    .sort(([, a], [, b]) => b - a);
  return {
    operations: counts.reduce((sum, [, count]) => sum + count, 0),
    which: counts.map(([name, count]) => `${name} ${count.toFixed(0)}`).join(', '),
    cpu:
      ((after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) /
        1000 /
        (after.at - before.at)) *
      100,
  };
}
