import { Arrivals } from '../arrivals.js';
import { WarmSsh } from '../baselines.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, ratio, row, rowHead } from '../figures.js';
import { measured, openBenchSite, writeFresh, type BenchSite } from '../site.js';

const size = 50_000;
/** Requests that an app has under way at once. */
const atOnce = 20;

interface Burst { readonly saving: number; readonly after: number; readonly bare: number }

export const bursts: Benchmark = {
  number: 3, title: 'Bursts of saves of 50 KB files, until everything is on all three other hosts',
  async run(settings): Promise<Result> {
    const sizes = settings.saves === undefined ? [1_000, 10_000] : [settings.saves];
    const found: { saves: number; bursts: Burst[] }[] = [];
    for (const saves of sizes) {
      const rounds = saves > 2_000 ? 1 : 5;
      const bursts: Burst[] = [];
      const site = await openBenchSite(settings);
      try {
        for (let round = 0; round < rounds; round++) {
          bursts.push(await measure(site, saves, `b${String(round)}`));
          const { saving, after, bare } = bursts.at(-1) as Burst;
          settings.say(`${String(saves)} saves in ${milliseconds(saving)}, all there ${milliseconds(after)} later; bare rsync ${milliseconds(bare)}`);
        }
      } finally {
        await site.close();
      }
      found.push({ saves, bursts });
    }
    const share = (bursts: readonly Burst[]): number => median(bursts.map(({ after, bare }) => after / bare));
    return {
      sizes: `${sizes.map((saves) => saves.toLocaleString('en')).join(' and ')} saves, ${String(atOnce)} at once`,
      tables: found.map(({ saves, bursts }) => ({ head: [`${saves.toLocaleString('en')} saves`, ...rowHead.slice(1)], rows: [
        row('from the first save to the last one resolved', bursts.map(({ saving }) => saving)),
        row('from the last save resolved to everything on all three', bursts.map(({ after }) => after)),
        row('the whole of it', bursts.map(({ saving, after }) => saving + after)),
        row('bare rsync of the same files to one host, warm', bursts.map(({ bare }) => bare)),
      ] })),
      goals: found.map(({ saves, bursts }) => ({
        goal: `${saves.toLocaleString('en')} saves: from the last save resolved to everything on all three ≤ 0.5 × one bare rsync to one host`,
        measured: ratio(share(bursts)), met: saves === 1_000 ? share(bursts) <= 0.5 : undefined,
      })),
      notes: ['Bare rsync flushes nothing to the disk (no `--fsync`); ours flushes every file.'],
    };
  },
};

async function measure({ sender, receivers, app, key }: BenchSite, saves: number, prefix: string): Promise<Burst> {
  const names = Array.from({ length: saves }, (_, i) => `${prefix}-${String(i)}.jpg`);
  const contents = new Map<string, Buffer>();
  for (const name of names) contents.set(name, await writeFresh(sender, name, size));
  const arrivals = await Arrivals.at(receivers, measured);
  const warm = await new WarmSsh(key, sender, receivers[0] ?? sender).open();
  try {
    const arriving = Promise.all(names.map((name) => arrivals.expect(name)));
    arriving.catch(() => undefined);
    const began = now();
    let next = 0;
    const request = async (): Promise<void> => {
      for (let name = names[next++]; name !== undefined; name = names[next++]) await app.Photo.create({ title: name, file: `${measured}/${name}` });
    };
    await Promise.all(Array.from({ length: atOnce }, request));
    const saved = now();
    const last = Math.max(...(await arriving).flat());
    for (const [name, content] of contents) await arrivals.check(name, content);
    // Outside the sync dir, where no sweep finds them and sends them too.
    for (const [name, content] of contents) await sender.write(`bare/${name}`, content);
    const bareBegan = now();
    await warm.send(names, 'bare');
    return { saving: saved - began, after: Math.max(0, last - saved), bare: now() - bareBegan };
  } finally {
    arrivals.close();
    await warm.close();
  }
}
