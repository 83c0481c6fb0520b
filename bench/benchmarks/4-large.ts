import { mkdir, open, rm } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Arrivals } from '../arrivals.js';
import { run, WarmSsh } from '../baselines.js';
import type { Benchmark, Result } from '../benchmark.js';
import { milliseconds, now, ratio, row, rowHead } from '../figures.js';
import { measured, openBenchSite } from '../site.js';

const defaultMegabytes = 1_000;
const goal = 0.95;

/** `--files N`: a file of N MB. */
export const largeFile: Benchmark = {
  number: 4,
  title: 'A file of 1 GB, to one host',
  async run(settings): Promise<Result> {
    const megabytes = settings.files ?? defaultMegabytes;
    const rounds = settings.saves ?? 5;
    const site = await openBenchSite(settings, { receivers: 1 });
    const {
      sender,
      receivers: [receiver],
      app,
      key,
    } = site;
    if (!receiver) throw new Error('no receiver');
    const ours: number[] = [],
      bare: number[] = [],
      flushed: number[] = [];
    await mkdir(sender.path(measured), { recursive: true });
    const arrivals = await Arrivals.at([receiver], measured);
    const warm = await new WarmSsh(key, sender, receiver).open();
    try {
      for (let i = 0; i < rounds; i++) {
        const names = ['ours', 'bare', 'flushed'].map((name) => `${name}-${String(i)}.bin`);
        const [own = '', plain = '', synced = ''] = names;
        for (const name of names) await writeLarge(sender.path(`${measured}/${name}`), megabytes);
        const sendOurs = async (): Promise<void> => {
          const arriving = arrivals.expect(own);
          const began = now();
          await app.Photo.create({ title: 'large', file: `${measured}/${own}` });
          ours.push(Math.max(...(await arriving)) - began);
        };
        const sendBare = async (): Promise<void> => {
          const began = now();
          await warm.send([`measured/${plain}`]);
          bare.push(now() - began);
        };
        const sendFlushed = async (): Promise<void> => {
          const began = now();
          await warm.send([`measured/${synced}`], undefined, ['--fsync']);
          flushed.push(now() - began);
        };
        const ways = [sendOurs, sendBare, sendFlushed];
        for (let n = 0; n < ways.length; n++) {
          // What the other one left to be written to the disk must not be this one's burden.
          await run('sync', []);
          await ways[(i + n) % ways.length]?.();
        }
        for (const name of names) {
          const [here, there] = await Promise.all([
            hashOf(sender.path(`${measured}/${name}`)),
            hashOf(receiver.path(`${measured}/${name}`)),
          ]);
          if (here !== there) throw new Error(`${name} has other bytes than were sent`);
        }
        const newest = [ours, bare, flushed].map((times) => milliseconds(times.at(-1) ?? NaN));
        settings.say(`ours, bare rsync, the same with --fsync: ${newest.join(', ')}`);
        for (const machine of [sender, receiver])
          for (const name of [plain, synced]) await rm(machine.path(`${measured}/${name}`));
      }
    } finally {
      arrivals.close();
      await warm.close();
      await site.close();
    }
    const speeds = ours.map((time, i) => (bare[i] ?? NaN) / time);
    const fast = speeds.filter((speed) => speed >= goal).length;
    return {
      sizes: `${String(megabytes)} MB of random bytes, ${String(rounds)} rounds`,
      tables: [
        {
          head: rowHead,
          rows: [
            row('save, until the file is there', ours),
            row('bare rsync over warm ssh', bare),
            row('the same with --fsync', flushed),
          ],
        },
      ],
      goals: [
        {
          goal: `1 GB: ≥ ${String(goal)} × the speed of bare rsync over ssh, in each of five runs`,
          measured: `${speeds.map(ratio).join(', ')}`,
          met: rounds < 5 ? undefined : fast === speeds.length,
        },
      ],
      notes: [
        'Bare rsync flushes nothing to the disk; ours does before the file is placed, as rsync does ' +
          'with `--fsync`. Each begins with a disk that has nothing to write (`sync`).',
        `The floor: bare rsync with \`--fsync\` reaches ${bare
          .map((time, i) => ratio(time / (flushed[i] ?? NaN)))
          .join(', ')} of the speed of bare rsync.`,
      ],
    };
  },
};

async function writeLarge(path: string, megabytes: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    const block = randomBytes(1_000_000);
    for (let i = 0; i < megabytes; i++) {
      block.writeUInt32LE(i, 0);
      await file.write(block);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
