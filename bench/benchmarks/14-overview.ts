import { setTimeout as sleep } from 'node:timers/promises';
import type { SyncMediaInstance } from '../../src/instance/create.js';
import { ago, openOverviewSite, type OverviewSite } from '../../test/overview/site.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, row, rowHead } from '../figures.js';

const hostCount = 50;
/** A third of the entries are pending. */
const defaultEntries = 300_000;
const insertBatch = 10_000;

/** How the pending files are spread over the hosts. */
const spreads = {
  'evenly over all hosts': (i: number) => [`h${String(i % hostCount)}`],
  'all for one host': () => ['h7'],
} as const;

/** `--files N`: entries of the ledger; `--saves N`: readings. */
export const overviews: Benchmark = {
  number: 14,
  title: 'The overview of 50 hosts',
  async run({ server, say, files, saves }): Promise<Result> {
    const entries = files ?? defaultEntries,
      readings = saves ?? 15;
    const tables: Result['tables'][number][] = [],
      goals: Result['goals'][number][] = [];
    for (const [spread, pendingOf] of Object.entries(spreads)) {
      const site = await openOverviewSite(server);
      try {
        say(`${spread}: making ${entries.toLocaleString('en')} entries`);
        await fillSite(site, entries, pendingOf);
        say(`${spread}: reading`);
        const { fresh, all } = await readOften(site, readings);
        tables.push({
          head: [`pending files ${spread}`, ...rowHead.slice(1)],
          rows: [row('a reading of the database', fresh), row('an answer, five a second', all)],
        });
        goals.push({
          goal: `the overview, pending files ${spread}: < 100 ms median`,
          measured: `${milliseconds(median(fresh))} read, ${milliseconds(median(all))} answered`,
          met: median(fresh) < 100,
        });
      } finally {
        await site.close();
      }
    }
    return {
      sizes:
        `${String(hostCount)} hosts, ${entries.toLocaleString('en')} entries, a third of them ` +
        `pending; ${String(readings)} readings`,
      tables,
      goals,
      notes: [
        'An answer includes its JSON. Everyone in a process gets the same reading, so most of ' +
          'those who ask five times a second wait for none.',
      ],
    };
  },
};

async function fillSite(
  site: OverviewSite,
  entries: number,
  pendingOf: (i: number) => readonly string[],
): Promise<void> {
  const ids = Array.from({ length: hostCount }, (_, i) => `h${String(i)}`);
  const deliveries = Object.fromEntries(ids.map((id) => [id, { deliveredAt: ago(30) }]));
  for (const id of ids) await site.addHost(id, { deliveries, heartbeatAt: ago(-3_600) });
  // The instance makes the indexes.
  await (await site.open('h0')).open();
  const pendingEntries = Math.floor(entries / 3);
  for (let from = 0; from < entries; from += insertBatch)
    await site.addEntries(
      Array.from({ length: Math.min(insertBatch, entries - from) }, (_, n) => {
        const i = from + n;
        return {
          path: `uploads/photos/${String(i % 100)}/${String(i)}.jpg`,
          capturedAt: ago(i % 3_600),
          heldBy: ids.slice(1, 11),
          pending: i < pendingEntries ? [...pendingOf(i)] : [],
        };
      }),
    );
}

/** Asks five times a second. Answers that waited for a reading of their own are the fresh ones. */
async function readOften(
  site: OverviewSite,
  readings: number,
): Promise<{ fresh: number[]; all: number[] }> {
  const fresh: number[] = [],
    all: number[] = [];
  const sync = await site.open('h0');
  let { at: last } = await timeOverview(sync);
  while (fresh.length < readings) {
    await sleep(200);
    const { took, at } = await timeOverview(sync);
    all.push(took);
    if (at !== last) fresh.push(took);
    last = at;
  }
  return { fresh, all };
}

async function timeOverview(sync: SyncMediaInstance): Promise<{ took: number; at: string }> {
  const began = now();
  const { at, hosts, needs, unavailable } = JSON.parse(JSON.stringify(await sync.overview())) as {
    hosts: { pending: { count: number } }[];
    needs: unknown[];
    at: string;
    unavailable?: unknown;
  };
  const took = now() - began;
  const waiting = hosts.reduce((sum, { pending }) => sum + pending.count, 0);
  if (hosts.length !== hostCount || waiting === 0 || needs.length > 0 || unavailable)
    throw new Error(`the overview is wrong: ${JSON.stringify({ waiting, needs, unavailable })}`);
  return { took, at };
}
