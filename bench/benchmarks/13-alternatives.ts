import { randomBytes } from 'node:crypto';
import { Arrivals } from '../arrivals.js';
import type { Alternative, RunningAlternative } from '../alternatives/alternative.js';
import { gridfs } from '../alternatives/gridfs.js';
import { lsyncd } from '../alternatives/lsyncd.js';
import { ours } from '../alternatives/ours.js';
import { predecessor } from '../alternatives/predecessor.js';
import { measureServing } from '../alternatives/serving.js';
import { syncthing } from '../alternatives/syncthing.js';
import type { Benchmark, Result, Settings } from '../benchmark.js';
import { median, milliseconds, now, p95 } from '../figures.js';
import { readCpuSeconds } from '../processor-time.js';
import { openBenchSite, type BenchSite } from '../site.js';
import { atOnce } from '../unreachable-burst.js';

const size = 50_000;
const all: readonly Alternative[] = [ours, gridfs, lsyncd, syncthing, predecessor];

interface Found {
  /** Milliseconds until all three hosts have one file. */
  readonly single: number[];
  /** Seconds for 1,000 files, by the clock and of all processors. */
  readonly seconds: number;
  readonly cpu: number;
  readonly databaseBytes: number;
}

export const alternatives: Benchmark = {
  number: 13,
  title: 'What a site could use instead, side by side',
  async run(settings): Promise<Result> {
    const files = settings.files ?? 1_000,
      singles = settings.saves ?? 20;
    const site = await openBenchSite(settings);
    const rows: string[][] = [],
      notes: string[] = [];
    try {
      settings.say('serving');
      const served = await measureServing(site);
      for (const alternative of all) {
        const found = await measure(site, alternative, settings, files, singles).catch(
          (error: unknown) => {
            const why = String(error).slice(0, 300);
            settings.say(`SKIPPED: ${alternative.name}: ${why}`);
            notes.push(`SKIPPED: ${alternative.name}: ${why}`);
          },
        );
        if (!found) continue;
        const requests =
          alternative === gridfs
            ? served.gridfs
            : alternative === ours
              ? served.serveMedia
              : served.static;
        rows.push([
          alternative.name,
          milliseconds(median(found.single)),
          milliseconds(p95(found.single)),
          `${found.seconds.toFixed(1)} s`,
          `${found.cpu.toFixed(1)} s`,
          found.databaseBytes === 0
            ? '0'
            : `${(found.databaseBytes / (files + singles) / 1000).toFixed(1)} KB a file`,
          requests.toFixed(0),
        ]);
        settings.say((rows.at(-1) ?? []).join(' | '));
      }
    } finally {
      await site.close();
    }
    return {
      sizes:
        `files of ${String(size / 1000)} KB, three other hosts; one file ${String(singles)} times, ` +
        `${files.toLocaleString('en')} files ${String(atOnce)} at once; 1,000 requests ` +
        `${String(atOnce)} at once, seven times in turns`,
      tables: [
        {
          head: [
            '',
            'one file on all three: median',
            'p95',
            `${files.toLocaleString('en')} files on all three`,
            'processor time for them',
            'bytes in the database',
            'requests/s served by another host',
          ],
          rows,
        },
      ],
      goals: [],
      notes: [
        'One file: from the begin of the write until the kernel tells that the last host has it; ' +
          'with GridFS until three other connections have read it. Processor time is that of ' +
          'the whole machine, with the database, sshd and the programs of all hosts.',
        'Requests: syncmedia by `serveMedia`, GridFS by streams of its bucket, all others by ' +
          '`express.static`, in one process of Express 5.',
        all.map(({ name, settings: how }) => `${name}: ${how}.`).join(' '),
        `${predecessor.name} ran 20 saves; its figures for ${files.toLocaleString('en')} are those times ` +
          `${String(files / 20)}.`,
        'csync2 was left out: its hosts share one port number, and all hosts are one machine here.',
        ...notes,
      ],
    };
  },
};

async function measure(
  site: BenchSite,
  alternative: Alternative,
  { say }: Settings,
  files: number,
  singles: number,
): Promise<Found> {
  say(`starting ${alternative.name}`);
  const running = await alternative.open(site, say);
  try {
    const places = await Places.of(site, running);
    try {
      const single: number[] = [];
      for (let i = -3; i < singles; i++) {
        const took = await places.time([`one${String(i)}.jpg`]);
        if (i >= 0) single.push(took);
      }
      const count = Math.min(files, running.share ?? files);
      const names = Array.from({ length: count }, (_, i) => `many${String(i)}.jpg`);
      const cpu = readCpuSeconds();
      const took = await places.time(names);
      const times = files / count;
      return {
        single,
        seconds: (took / 1000) * times,
        cpu: (readCpuSeconds() - cpu) * times,
        databaseBytes: await running.countDatabaseBytes(),
      };
    } finally {
      places.close();
    }
  } finally {
    await running.close();
  }
}

/** Where the files of an alternative arrive: on disks, or in the database. */
class Places {
  private constructor(
    private readonly running: RunningAlternative,
    private readonly arrivals: Arrivals | undefined,
  ) {}

  static async of({ receivers }: BenchSite, running: RunningAlternative): Promise<Places> {
    const { folder } = running;
    return new Places(
      running,
      folder === undefined ? undefined : await Arrivals.at(receivers, folder),
    );
  }

  /** Stores files, so many at once. @returns milliseconds until all three hosts have them */
  async time(names: readonly string[]): Promise<number> {
    const { running, arrivals } = this;
    const contents = new Map(names.map((name) => [name, randomBytes(size)]));
    const arriving = arrivals && Promise.all(names.map((name) => arrivals.expect(name)));
    arriving?.catch(() => undefined);
    const began = now(),
      left = contents.entries();
    let last = began;
    const request = async (): Promise<void> => {
      for (const [name, content] of left) {
        await running.store(name, content);
        if (!running.readEverywhere) continue;
        for (const read of await running.readEverywhere(name))
          if (!read.equals(content)) throw new Error(`${name} has other bytes than were stored`);
        last = now();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, request));
    if (arriving) {
      last = Math.max(...(await arriving).flat());
      for (const [name, content] of contents) await arrivals.check(name, content);
    }
    return last - began;
  }

  close(): void {
    this.arrivals?.close();
  }
}
