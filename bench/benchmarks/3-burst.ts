import { randomBytes } from 'node:crypto';
import { Arrivals } from '../arrivals.js';
import { BareBurst } from '../bare-put.js';
import { WarmSsh } from '../baselines.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, ratio, row, rowHead } from '../figures.js';
import { measured, openBenchSite, writeFresh, type BenchSite } from '../site.js';

const size = 50_000;
/** Requests that an app has under way at once. */
const atOnce = 20;

interface Saved {
  readonly saving: number;
  readonly after: number;
}
interface Burst extends Saved {
  readonly bare: number;
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
          const { saving, after, bare } = await measure(site, saves, `b${String(round)}`);
          bursts.push({ saving, after, bare });
          settings.say(
            `${String(saves)} saves in ${milliseconds(saving)}, all there ` +
              `${milliseconds(after)} later; bare rsync ${milliseconds(bare)}`,
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
    const share = (bursts: readonly Burst[]): number =>
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
            'bare rsync of the same files to one host, warm',
            bursts.map(({ bare }) => bare),
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
      goals: found.map(({ saves, bursts }) => ({
        goal:
          `${saves.toLocaleString('en')} saves: from the last save resolved to everything ` +
          `on all three ≤ 0.5 × one bare rsync to one host`,
        measured: ratio(share(bursts)),
        met: saves === 1_000 ? share(bursts) <= 0.5 : undefined,
      })),
      notes: ['Bare rsync flushes nothing to the disk (no `--fsync`); ours flushes every file.'],
    };
  },
};

async function measure(site: BenchSite, saves: number, prefix: string): Promise<Burst> {
  const { sender, receivers, app, key } = site;
  const { contents, ...ours } = await saveAll(
    site,
    listNames(saves, prefix),
    (name) => writeFresh(sender, name, size),
    (name) => app.Photo.create({ title: name, file: `${measured}/${name}` }),
  );
  const warm = await new WarmSsh(key, sender, receivers[0] ?? sender).open();
  try {
    // Outside the sync dir, where no rescan finds and sends them as well.
    for (const [name, content] of contents) await sender.write(`bare/${name}`, content);
    const began = now();
    await warm.send([...contents.keys()], 'bare');
    return { ...ours, bare: now() - began };
  } finally {
    await warm.close();
  }
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

function listNames(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${String(i)}.jpg`);
}

/**
 * @param save resolves once the file is acknowledged @throws where one does not arrive, or with
 *   other bytes
 */
async function saveAll(
  { receivers }: BenchSite,
  names: readonly string[],
  make: (name: string) => Buffer | Promise<Buffer>,
  save: (name: string, content: Buffer) => Promise<unknown>,
): Promise<Saved & { readonly contents: ReadonlyMap<string, Buffer> }> {
  // Before the files are made: a rescan may find and send them before they are saved.
  const arrivals = await Arrivals.at(receivers, measured);
  try {
    const arriving = Promise.all(names.map((name) => arrivals.expect(name)));
    arriving.catch(() => undefined);
    const contents = new Map<string, Buffer>();
    for (const name of names) contents.set(name, await make(name));
    const began = now(),
      left = contents.entries();
    const request = async (): Promise<void> => {
      for (const [name, content] of left) await save(name, content);
    };
    await Promise.all(Array.from({ length: atOnce }, request));
    const saved = now();
    const last = Math.max(...(await arriving).flat());
    for (const [name, content] of contents) await arrivals.check(name, content);
    return { saving: saved - began, after: Math.max(0, last - saved), contents };
  } finally {
    arrivals.close();
  }
}
