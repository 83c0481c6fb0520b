import { setTimeout as sleep } from 'node:timers/promises';
import { Arrivals } from './arrivals.js';
import type { Settings } from './benchmark.js';
import { milliseconds, now } from './figures.js';
import { measured, openBenchSite, writeFresh } from './site.js';
import { atOnce } from './unreachable-burst.js';

const size = 50_000;
/** Long enough for the waits between attempts to have grown. */
const awayMs = 20_000;
const rounds = 3;

/** Milliseconds from the return of a host to its first pending file, and to all. */
export interface Outages {
  readonly files: number;
  readonly awayMs: number;
  readonly first: number[];
  readonly all: number[];
}

/** The sshd of one of two hosts ends for a while, in which a running app saves so many files. */
export async function measureOutages(settings: Settings, files: number): Promise<Outages> {
  const site = await openBenchSite(settings, { receivers: 2 });
  const found: Outages = { files, awayMs, first: [], all: [] };
  const { sender, app } = site;
  const [away] = site.receivers;
  if (!away) throw new Error('no receiver');
  const arrivals = await Arrivals.at([away], measured);
  try {
    for (let round = 0; round < rounds; round++) {
      await away.ssh.stop({ hard: true });
      const began = now();
      const contents = new Map<string, Buffer>();
      const arriving: Promise<number[]>[] = [];
      for (let i = 0; i < files; i++) {
        const name = `outage${String(round)}-${String(i)}.jpg`;
        arriving.push(arrivals.expect(name));
        contents.set(name, await writeFresh(sender, name, size));
      }
      const all = Promise.all(arriving);
      all.catch(() => undefined);
      const left = contents.keys();
      const request = async (): Promise<void> => {
        for (const name of left)
          await app.Photo.create({ title: name, file: `${measured}/${name}` });
      };
      await Promise.all(Array.from({ length: atOnce }, request));
      await sleep(Math.max(0, awayMs - (now() - began)));
      await away.ssh.start();
      const returned = now();
      const times = (await all).flat();
      for (const [name, content] of contents) await arrivals.check(name, content);
      found.first.push(Math.min(...times) - returned);
      found.all.push(Math.max(...times) - returned);
      settings.say(
        `after an outage: first ${milliseconds(found.first.at(-1) ?? NaN)}, ` +
          `all ${milliseconds(found.all.at(-1) ?? NaN)}`,
      );
    }
  } finally {
    arrivals.close();
    await site.close();
  }
  return found;
}
