import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import type { SyncMediaInstance } from '../../src/instance/create.js';
import { ago, openOverviewSite, type OverviewSite } from '../../test/overview/site.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, row, rowHead } from '../figures.js';

const hostCount = 50;
/** A third of the entries are pending. */
const defaultEntries = 300_000;
const insertBatch = 10_000;
/** How often a live site is asked, and how often something is saved or delivered there. */
const requestMs = 200,
  changeMs = 50;
const requestsPerReading = 10;

/** How the pending files are spread over the hosts. */
const spreads = {
  'evenly over all hosts': (i: number) => [`h${String(i % hostCount)}`],
  'all for one host': () => ['h7'],
} as const;

/** `--files N`: entries of the ledger; `--saves N`: cold readings, and a tenth of the requests. */
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
        say(`${spread}: asking`);
        const cold = await askCold(site, readings);
        const { answers, ages, readTimes } = await askLive(site, readings * requestsPerReading);
        tables.push({
          head: [`pending files ${spread}`, ...rowHead.slice(1)],
          rows: [
            row('the first answer of a process, which reads the database', cold),
            row('an answer of a live site, asked five times a second', answers),
            row('how old what it says is', ages),
          ],
        });
        goals.push({
          goal: `GET /overview, pending files ${spread}: < 100 ms median`,
          measured: `${milliseconds(median(answers))} live, ${milliseconds(median(cold))} cold`,
          met: median(answers) < 100 && readTimes > 1,
        });
      } finally {
        await site.close();
      }
    }
    return {
      sizes:
        `${String(hostCount)} hosts, ${entries.toLocaleString('en')} entries, a third of them ` +
        `pending; ${String(readings)} cold answers, ` +
        `${String(readings * requestsPerReading)} of a live site`,
      tables,
      goals,
      notes: [
        'Answers come by HTTP from the router of a host, with the JSON parsed. Everyone in a ' +
          'process gets the same reading, and nobody waits longer than 50 ms for the next one ' +
          'while it is recent: so most requests wait for no reading, and what they say is ' +
          'older than they took. A live site delivers and saves twenty files a second meanwhile.',
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

/** Asks new processes, one after the other: each has read nothing before. */
async function askCold(site: OverviewSite, readings: number): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < readings; n++) {
    const asking = await serve(await site.open('h0'));
    took.push((await asking.get()).took);
    await asking.close();
  }
  return took;
}

/** Asks one process five times a second, while files are delivered and saved. */
async function askLive(
  site: OverviewSite,
  requests: number,
): Promise<{ answers: number[]; ages: number[]; readTimes: number }> {
  const answers: number[] = [],
    ages: number[] = [],
    times = new Set<string>();
  const asking = await serve(await site.open('h0'));
  const ending = new AbortController();
  const changing = changeOften(site, ending.signal);
  try {
    await asking.get();
    while (answers.length < requests) {
      await sleep(requestMs);
      const { took, at } = await asking.get();
      answers.push(took);
      ages.push(Math.max(0, Date.now() - Date.parse(at)));
      times.add(at);
    }
  } finally {
    ending.abort();
    await changing;
    await asking.close();
  }
  return { answers, ages, readTimes: times.size };
}

/** Delivers a pending file to its host, and makes another one pending, again and again. */
async function changeOften({ ledger }: OverviewSite, signal: AbortSignal): Promise<void> {
  for (let n = 0; !signal.aborted; n++) {
    const host = `h${String(n % hostCount)}`;
    await ledger.updateOne({ pending: 'h7' }, { $pull: { pending: 'h7' } });
    await ledger.updateOne(
      { _id: `uploads/photos/${String(n % 100)}/${String(n)}.jpg` },
      { $addToSet: { pending: host }, $set: { capturedAt: new Date() } },
    );
    await sleep(changeMs);
  }
}

interface Asking {
  get(): Promise<{ took: number; at: string }>;
  close(): Promise<void>;
}

/** The router of an instance, with its context open: the first request opens no connection. */
async function serve(sync: SyncMediaInstance): Promise<Asking> {
  await sync.open();
  const app = express().use('/sync-admin', sync.admin({ authorize: () => true }));
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${String(port)}/sync-admin`;
  // The router and the connection are loaded; the overview was not read.
  await (await fetch(`${url}/session`)).text();
  return {
    get: () => timeOverview(`${url}/overview`),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await sync.close();
    },
  };
}

async function timeOverview(url: string): Promise<{ took: number; at: string }> {
  const began = now();
  const answer = await fetch(url);
  const { at, hosts, needs, unavailable } = (await answer.json()) as {
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
