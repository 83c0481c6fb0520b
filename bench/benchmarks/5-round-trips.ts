import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Arrivals } from '../arrivals.js';
import { run } from '../baselines.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, row, rowHead } from '../figures.js';
import { measured, openBenchSite, untilIdle, writeFresh, type BenchSite } from '../site.js';

const size = 50_000;

export const roundTrips: Benchmark = {
  number: 5,
  title: 'One save of a 50 KB file to a host that is 20 and 100 ms away',
  async run(settings): Promise<Result> {
    const saves = settings.saves ?? 15;
    const netem = await tryNetem();
    settings.say(netem);
    const site = await openBenchSite(settings, { receivers: 1 });
    try {
      const direct = await measure(site, saves, 'direct');
      const rows = [row('no delay', direct, '')];
      const goals: Result['goals'][number][] = [];
      for (const delay of [20, 100]) {
        const far = await measureFar(site, saves, delay);
        const trips = (median(far) - median(direct)) / delay;
        rows.push(row(`${String(delay)} ms`, far, trips.toFixed(2)));
        settings.say(
          `${String(delay)} ms: ${milliseconds(median(far))}, ${trips.toFixed(2)} round trips`,
        );
        if (delay === 100)
          goals.push({
            goal: '100 ms round trip, one file, warm: ≤ 4 round trips until the file is there',
            measured: trips.toFixed(2),
            met: trips <= 4,
          });
      }
      return {
        sizes: `${String(saves)} saves each`,
        tables: [{ head: ['round trip', ...rowHead.slice(1), 'round trips'], rows }],
        goals,
        notes: [
          netem,
          'The delay is made by a relay in user space, which holds every byte back for half of ' +
            'it in either direction; it shapes no bandwidth and loses nothing. The file is told ' +
            'of by the kernel of this machine, without a delay. The database is near.',
        ],
      };
    } finally {
      await site.close();
    }
  },
};

/**
 * The kernel's own delay would be the better one; here it is only found out whether it could be
 * had.
 */
async function tryNetem(): Promise<string> {
  const space = `sm${String(process.pid)}`;
  try {
    await run('ip', ['netns', 'add', space]);
    await run('ip', [
      'netns',
      'exec',
      space,
      'tc',
      'qdisc',
      'add',
      'dev',
      'lo',
      'root',
      'netem',
      'delay',
      '10ms',
    ]);
    return (
      'SKIPPED: tc netem in a network namespace, which this machine could make, has not ' +
      'been written; the relay below was used.'
    );
  } catch (error) {
    return (
      `SKIPPED: tc netem in a network namespace, which this machine does not let us make ` +
      `(${error instanceof Error ? error.message.trim() : String(error)}).`
    );
  } finally {
    await run('ip', ['netns', 'del', space]).catch(() => undefined);
  }
}

async function measureFar(site: BenchSite, saves: number, delay: number): Promise<number[]> {
  const [receiver] = site.receivers;
  const { hosts } = site.app.sync;
  const relay = fork(
    fileURLToPath(new URL('../relay.ts', import.meta.url)),
    [String(receiver?.ssh.port), String(delay / 2)],
    { execArgv: ['--import', 'tsx'] },
  );
  try {
    const [port] = (await once(relay, 'message')) as [number];
    await hosts.edit('to1', { sshPort: port });
    return await measure(site, saves, `far-${String(delay)}`);
  } finally {
    await hosts.edit('to1', { sshPort: receiver?.ssh.port ?? 0 });
    const ended = once(relay, 'exit');
    relay.disconnect();
    await ended;
  }
}

async function measure(
  { sender, receivers, app }: BenchSite,
  saves: number,
  prefix: string,
): Promise<number[]> {
  const times: number[] = [];
  const arrivals = await Arrivals.at(receivers, measured);
  try {
    // The first ones log in.
    for (let i = -3; i < saves; i++) {
      const name = `${prefix}-${String(i)}.jpg`,
        file = `${measured}/${name}`;
      const content = await writeFresh(sender, name, size);
      const arriving = arrivals.expect(name);
      const began = now();
      await app.Photo.create({ title: name, file });
      const arrived = await arriving;
      if (i >= 0) times.push(Math.max(...arrived) - began);
      await arrivals.check(name, content);
      await untilIdle(app, file);
    }
    return times;
  } finally {
    arrivals.close();
  }
}
