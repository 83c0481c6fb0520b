import { randomBytes } from 'node:crypto';
import { BareBurst } from '../bare-put.js';
import { WarmSsh } from '../baselines.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, ratio, row, rowHead } from '../figures.js';
import { listNames, saveAll, type Saved } from '../save-all.js';
import { measured, openBenchSite, writeFresh, type BenchSite } from '../site.js';
import { atOnce } from '../unreachable-burst.js';

const size = 50_000;

interface Burst extends Saved {
  /** As many saves without our hooks, before it. */
  readonly plain: number;
  /** A bare rsync of the files to one host, and to each of them in sequence. */
  readonly bare: number;
  readonly bareToAll: number;
}

export const bursts: Benchmark = {
  number: 3,
  title: 'Bursts of saves of 50 KB files, until everything is on all three other hosts',
  async run(settings): Promise<Result> {
    const sizes = settings.saves === undefined ? [1_000, 10_000] : [settings.saves];
    const found: { saves: number; bursts: Burst[]; least: Saved[] }[] = [];
    for (const saves of sizes) {
      const rounds = saves > 2_000 ? 1 : 5;
      const bursts: Burst[] = [],
        least: Saved[] = [];
      const site = await openBenchSite(settings);
      try {
        for (let round = 0; round < rounds; round++) {
          const burst = await measure(site, saves, `b${String(round)}`);
          bursts.push(burst);
          const { saving, after, plain, bare, bareToAll } = burst;
          settings.say(
            `${String(saves)} saves in ${milliseconds(saving)}, all there ` +
              `${milliseconds(after)} later; plain saves ${milliseconds(plain)}, bare rsync ` +
              `${milliseconds(bare)}, to all ${milliseconds(bareToAll)}`,
          );
        }
        for (let round = 0; round < rounds; round++) {
          const { saving, after } = await measureLeast(site, saves, `l${String(round)}`);
          least.push({ saving, after });
          settings.say(
            `${String(saves)} plain saves in ${milliseconds(saving)}, all put there ` +
              `${milliseconds(after)} later`,
          );
        }
      } finally {
        await site.close();
      }
      found.push({ saves, bursts, least });
    }
    const whole = (bursts: readonly Burst[]): number =>
      median(
        bursts.map(({ saving, after, plain, bareToAll }) => (saving + after) / (plain + bareToAll)),
      );
    const rest = (bursts: readonly Burst[]): number =>
      median(bursts.map(({ after, bare }) => after / bare));
    return {
      sizes:
        `${sizes.map((saves) => saves.toLocaleString('en')).join(' and ')} saves, ` +
        `${String(atOnce)} at once`,
      tables: found.map(({ saves, bursts, least }) => ({
        head: [`${saves.toLocaleString('en')} saves`, ...rowHead.slice(1)],
        rows: [
          row(
            'from the first save to the last one resolved',
            bursts.map(({ saving }) => saving),
          ),
          row(
            'from the last save resolved to everything on all three',
            bursts.map(({ after }) => after),
          ),
          row(
            'the whole of it',
            bursts.map(({ saving, after }) => saving + after),
          ),
          row(
            'as many plain saves',
            bursts.map(({ plain }) => plain),
          ),
          row(
            'bare rsync of the same files to one host, warm',
            bursts.map(({ bare }) => bare),
          ),
          row(
            '… to each of the three, in sequence',
            bursts.map(({ bareToAll }) => bareToAll),
          ),
          row(
            'plain saves and bare SFTP puts: from the first save to the last one resolved',
            least.map(({ saving }) => saving),
          ),
          row(
            'the same: from the last save resolved to everything on all three',
            least.map(({ after }) => after),
          ),
        ],
      })),
      goals: found.flatMap(({ saves, bursts }) => [
        {
          goal:
            `${saves.toLocaleString('en')} saves, until everything is on all three: ≤ 1.3 × ` +
            `(plain saves + bare rsync to each host, in sequence)`,
          measured: ratio(whole(bursts)),
          met: whole(bursts) <= 1.3,
        },
        {
          goal:
            `${saves.toLocaleString('en')} saves, from the last one until everything is on all ` +
            `three: ≤ 2 × bare rsync to one host`,
          measured: ratio(rest(bursts)),
          met: rest(bursts) <= 2,
        },
      ]),
      notes: ['Bare rsync flushes nothing to the disk (no `--fsync`); ours flushes every file.'],
    };
  },
};

async function measure(site: BenchSite, saves: number, prefix: string): Promise<Burst> {
  const { sender, receivers, app, key } = site;
  const plain = await savePlain(site, listNames(saves, prefix));
  const { contents, ...ours } = await saveAll(
    site,
    listNames(saves, prefix),
    (name) => writeFresh(sender, name, size),
    (name) => app.Photo.create({ title: name, file: `${measured}/${name}` }),
  );
  // Outside the sync dir, where no rescan finds and sends them as well.
  for (const [name, content] of contents) await sender.write(`bare/${name}`, content);
  const bare: number[] = [];
  for (const receiver of receivers) {
    const warm = await new WarmSsh(key, sender, receiver).open();
    try {
      const began = now();
      await warm.send([...contents.keys()], 'bare');
      bare.push(now() - began);
    } finally {
      await warm.close();
    }
  }
  return {
    ...ours,
    plain,
    bare: bare[0] ?? NaN,
    bareToAll: bare.reduce((sum, time) => sum + time, 0),
  };
}

async function savePlain({ Plain }: BenchSite, names: readonly string[]): Promise<number> {
  const began = now(),
    left = names.values();
  const request = async (): Promise<void> => {
    for (const name of left) await Plain.create({ title: name, file: `${measured}/${name}` });
  };
  await Promise.all(Array.from({ length: atOnce }, request));
  return now() - began;
}

/**
 * As many saves without our hooks, and nothing but the requests that put their files there; these
 * are in memory only.
 */
async function measureLeast(site: BenchSite, saves: number, prefix: string): Promise<Saved> {
  const burst = await BareBurst.open(site);
  try {
    const { saving, after } = await saveAll(
      site,
      listNames(saves, prefix),
      () => randomBytes(size),
      async (name, content) => {
        await site.Plain.create({ title: name, file: `${measured}/${name}` });
        burst.put(name, content);
      },
    ).finally(() => {
      burst.throwFailure();
    });
    return { saving, after };
  } finally {
    await burst.close();
  }
}
