// A timeline of one save, from `save()` to the last link, and what a burst asks of the database:
// node --import tsx bench/timeline.ts [--saves N] [--burst N]
import { parseArgs } from 'node:util';
import { startDatabase } from '../scripts/database.mjs';
import { processMark } from '../test/harness/leftovers.js';
import { Arrivals } from './arrivals.js';
import { median, milliseconds, now, quantile, ratio } from './figures.js';
import { format } from './results.js';
import { measured, openBenchSite, untilIdle, writeFresh, type BenchSite } from './site.js';
import { atOnce, burstUnreachable } from './unreachable-burst.js';

/** A process that has been at work for a while: its code is compiled by then. */
const warmUp = 200;
const size = 50_000;
const rounds = 5;

const { values } = parseArgs({ options: { saves: { type: 'string' }, burst: { type: 'string' } } });
const say = (line: string): void => {
  console.error(line);
};

processMark();
const server = await startDatabase({ say });
const site = await openBenchSite(
  {
    server: {
      ...server,
      uri: `${server.uri}${server.uri.includes('?') ? '&' : '?'}monitorCommands=true`,
    },
    say,
    files: undefined,
    saves: undefined,
  },
  { receivers: 3, files: 1_000 },
);
const commands = watchCommands(site);
try {
  if (values.saves !== undefined || values.burst === undefined)
    await showTimeline(Number(values.saves ?? 200));
  if (values.burst !== undefined) await showBurst(Number(values.burst));
} finally {
  await site.close();
  await server.stop();
}

interface Command {
  readonly what: string;
  readonly began: number;
  ended: number;
}

/** What the app's own connection asks of the server, without heartbeats. */
function watchCommands({ app }: BenchSite): Command[] {
  const seen: Command[] = [];
  const underWay = new Map<number, Command>();
  const client = app.connection.getClient();
  client.on('commandStarted', ({ requestId, commandName, command }) => {
    const on = (command as Record<string, unknown>)[commandName];
    const w = (command as { writeConcern?: { w?: string | number } }).writeConcern?.w;
    const one: Command = {
      what:
        `${commandName} ${typeof on === 'string' ? on : ''}` +
        (w === undefined ? '' : ` (w: ${String(w)})`),
      began: now(),
      ended: NaN,
    };
    underWay.set(requestId, one);
    seen.push(one);
  });
  for (const end of ['commandSucceeded', 'commandFailed'] as const)
    client.on(end, ({ requestId }: { requestId: number }) => {
      const one = underWay.get(requestId);
      underWay.delete(requestId);
      if (one) one.ended = now();
    });
  return seen;
}

/** For each step, when it began and ended after the begin of `save()`. */
async function showTimeline(saves: number): Promise<void> {
  const { sender, receivers, app, Plain } = site;
  const steps = new Map<string, { began: number[]; ended: number[] }>();
  const note = (what: string, began: number, ended = began): void => {
    const step = steps.get(what) ?? { began: [], ended: [] };
    step.began.push(began);
    step.ended.push(ended);
    steps.set(what, step);
  };
  const plain: number[] = [];
  const events: { what: string; at: number }[] = [];
  app.sync.on('recorded', () => events.push({ what: 'the entry is recorded', at: now() }));
  app.sync.on('outcome', () => events.push({ what: 'a host answered', at: now() }));
  app.sync.on('acknowledged', ({ hosts }) =>
    events.push({ what: `acknowledged`, at: now() + 0 * hosts.length }),
  );
  const arrivals = await Arrivals.at(receivers, measured);
  try {
    for (let i = 0; i < saves + warmUp; i++) {
      const beganPlain = now();
      await Plain.create({ title: 'plain', file: `${measured}/none.jpg` });
      const tookPlain = now() - beganPlain;
      const name = `t${String(i)}.jpg`,
        file = `${measured}/${name}`;
      await writeFresh(sender, name, size);
      const arriving = arrivals.expect(name);
      commands.length = events.length = 0;
      const began = now();
      await app.Photo.create({ title: name, file });
      const saved = now();
      const arrived = (await arriving).sort((a, b) => a - b);
      await untilIdle(app, file);
      if (i < warmUp) continue;
      plain.push(tookPlain);
      note('save() resolved', 0, saved - began);
      arrived.forEach((at, index) => {
        note(
          `the file is linked on ${String(index + 1)} of ${String(arrived.length)} hosts`,
          at - began,
        );
      });
      const counts = new Map<string, number>();
      for (const { what, at } of events) {
        const count = (counts.get(what) ?? 0) + 1;
        counts.set(what, count);
        if (count <= 3) note(count > 1 ? `${what} (${String(count)})` : what, at - began);
      }
      for (const { what, began: from, ended } of commands) {
        if (from - began > 100 || !isOurs(what)) continue;
        const count = (counts.get(what) ?? 0) + 1;
        counts.set(what, count);
        if (count <= 3)
          note(count > 1 ? `${what} (${String(count)})` : what, from - began, ended - began);
      }
    }
  } finally {
    arrivals.close();
  }
  const all = [...steps]
    .filter(([, { began }]) => began.length >= saves / 3)
    .map(([what, { began, ended }]) => ({
      what,
      began: median(began),
      ended: median(ended),
      took: median(ended.map((at, i) => at - (began[i] ?? NaN))),
      late: quantile(ended, 0.9),
      count: began.length,
    }))
    .sort((a, b) => a.began - b.began || a.ended - b.ended);
  console.log(
    format({
      head: ['step of one save', 'begins', 'ends', 'takes', 'ends, p90', 'runs'],
      rows: all.map(({ what, began, ended, took, late, count }) => [
        what,
        milliseconds(began),
        milliseconds(ended),
        milliseconds(took),
        milliseconds(late),
        String(count),
      ]),
    }),
  );
  const save = median(steps.get('save() resolved')?.ended ?? []);
  const last = median(
    steps.get(
      `the file is linked on ${String(receivers.length)} of ${String(receivers.length)} hosts`,
    )?.ended ?? [],
  );
  console.log(
    `\nplain ${milliseconds(median(plain))}; save ${milliseconds(save)}, ` +
      `${ratio((save - median(plain)) / median(plain))} of a plain save more; ` +
      `on all ${milliseconds(last)}, ${milliseconds(last - median(plain))} more than plain`,
  );
}

function isOurs(what: string): boolean {
  return /^(insert|update|delete|findAndModify|find|aggregate|getMore) /.test(what);
}

/** What a burst of saves asks of the database, while no other host is reachable. */
async function showBurst(saves: number): Promise<void> {
  const asked = new Map<string, number>();
  const { times, cpu } = await burstUnreachable(site, {
    saves,
    rounds,
    say,
    async around(kind, burst) {
      commands.length = 0;
      await burst();
      if (kind === 'ours')
        for (const { what } of commands) asked.set(what, (asked.get(what) ?? 0) + 1);
    },
  });
  console.log(
    `\n${String(saves)} saves, ${String(atOnce)} at once, hosts unreachable: plain ` +
      `${milliseconds(median(times.plain))}, ours ${milliseconds(median(times.ours))}, ` +
      `${ratio(median(times.ours) / median(times.plain))}; processor time ` +
      `${milliseconds(median(cpu.plain))} and ${milliseconds(median(cpu.ours))}\n`,
  );
  console.log(
    format({
      head: ['command of a burst', 'per save'],
      rows: [...asked]
        .sort((a, b) => b[1] - a[1])
        .slice(0, 15)
        .map(([what, count]) => [what, (count / saves / rounds).toFixed(3)]),
    }),
  );
}
