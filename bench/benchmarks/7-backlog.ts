import { mkdir, readFile } from 'node:fs/promises';
import { getNativeCollection } from '../../src/util/collections.js';
import type { LedgerRow } from '../../src/ledger/filters.js';
import type { HostRow } from '../../src/hosts/host-model.js';
import { createConnection } from 'mongoose';
import { until } from '../../test/harness/wait.js';
import { askFor, nextOf } from '../app-messages.js';
import type { Benchmark, Result } from '../benchmark.js';
import { now } from '../figures.js';
import { endApp, forkApp, measured, openBenchSite, type BenchSite } from '../site.js';
import { fillTree } from '../tree.js';

export const backlog: Benchmark = {
  number: 7,
  title: 'A backlog of 100,000 pending files, delivered to a host that returns',
  async run(settings): Promise<Result> {
    const files = settings.files ?? 100_000;
    const site = await openBenchSite(settings, { receivers: 1, app: false, files: 0 });
    const {
      sender,
      receivers: [receiver],
    } = site;
    const connection = await createConnection(site.uri).asPromise();
    const app = forkApp(site);
    try {
      const held = nextOf(app, 'lease');
      await nextOf(app, 'started');
      await held;
      const hosts = getNativeCollection<HostRow>(connection, 'syncmedia_hosts');
      const rows = getNativeCollection<LedgerRow>(connection, 'syncmedia_ledger');
      await hosts.updateMany({ hostname: 'to1' }, { $set: { status: 'paused' } });
      settings.say(`making ${files.toLocaleString('en')} pending files`);
      const paths = await fillTree(connection, [sender], site.me, [site.me], files, {
        pending: site.others,
        folder: 'backlog',
      });
      const pending = (): Promise<number> =>
        rows.countDocuments({ pending: { $in: [...site.others] } });
      if ((await pending()) !== files)
        throw new Error(`${String(await pending())} are pending instead of ${String(files)}`);
      await askFor(app, { ask: 'usage', anew: true, watch: true }, 'usage');
      const before = await askFor(app, { ask: 'usage' }, 'usage');
      await hosts.updateMany({ hostname: 'to1' }, { $set: { status: 'approved' } });
      const began = now();
      let left = files;
      await until(
        async () => {
          left = await pending();
          settings.say(`${left.toLocaleString('en')} left`);
          return left === 0;
        },
        { timeout: 30 * 60_000, interval: 1_000, what: 'the draining of the backlog' },
      );
      const seconds = (now() - began) / 1000;
      const after = await askFor(app, { ask: 'usage' }, 'usage');
      for (const path of paths) {
        if (
          !(await readFile(receiver?.path(path) ?? '')).toString().startsWith(`the file ${path}.`)
        )
          throw new Error(`${path} has other bytes than were sent`);
      }
      const grown = (after.peak - before.rss) / 2 ** 20;
      await hosts.updateMany({ hostname: 'to1' }, { $set: { status: 'paused' } });
      await rows.updateMany({}, { $set: { pending: [...site.others], heldBy: [site.me] } });
      // It has the lease, and the next one is to be as idle as it was.
      await endApp(app);
      if (receiver) await mkdir(receiver.path(measured), { recursive: true });
      const least = await drainBarely(site, settings.say);
      return {
        sizes: `${files.toLocaleString('en')} files of 1 KB, one host`,
        tables: [
          {
            head: ['', 'measured'],
            rows: [
              ['time', `${seconds.toFixed(0)} s (± 1)`],
              ['files a second', (files / seconds).toFixed(0)],
              ['resident memory before', `${(before.rss / 2 ** 20).toFixed(0)} MiB`],
              ['its peak', `${(after.peak / 2 ** 20).toFixed(0)} MiB`],
              [
                'a process that only reads rows, puts files and updates rows grows by',
                `${least.grown.toFixed(0)} MiB`,
              ],
              ['its files a second', (files / least.seconds).toFixed(0)],
              [
                'CPU of the process',
                `${((countMicroseconds(after.cpu) - countMicroseconds(before.cpu)) / 1e6).toFixed(0)} s`,
              ],
            ],
          },
        ],
        goals: [
          {
            goal: 'a backlog of 100,000: memory of the process grows by < 64 MB',
            measured: `${grown.toFixed(0)} MiB`,
            met: files >= 100_000 ? grown < 61 : undefined,
          },
          {
            goal: 'a backlog of 100,000: ≥ 1,500 files a second',
            measured: (files / seconds).toFixed(0),
            met: files >= 100_000 ? files / seconds >= 1_500 : undefined,
          },
        ],
        notes: [],
      };
    } finally {
      await endApp(app);
      await connection.close();
      await site.close();
    }
  },
};

/** What a process needs that does nothing else to drain the same backlog; its growth in MiB. */
async function drainBarely(
  site: BenchSite,
  say: (line: string) => void,
): Promise<{ grown: number; seconds: number }> {
  const app = forkApp(site);
  try {
    const held = nextOf(app, 'lease');
    await nextOf(app, 'started');
    await held;
    const before = await askFor(app, { ask: 'usage', anew: true, watch: true }, 'usage');
    say('draining it once more by nothing but bare puts');
    const began = now();
    await askFor(app, { ask: 'drain', to: 'to1' }, 'drained', 30);
    const seconds = (now() - began) / 1000;
    const { peak } = await askFor(app, { ask: 'usage' }, 'usage');
    return { grown: (peak - before.rss) / 2 ** 20, seconds };
  } finally {
    await endApp(app);
  }
}

function countMicroseconds({ user, system }: NodeJS.CpuUsage): number {
  return user + system;
}
