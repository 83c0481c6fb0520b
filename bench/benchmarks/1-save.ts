import { Arrivals } from '../arrivals.js';
import { putBare } from '../bare-put.js';
import { pushAsPredecessor, WarmSsh } from '../baselines.js';
import type { Benchmark, Result, Settings } from '../benchmark.js';
import { median, milliseconds, now, ratio, row, rowHead } from '../figures.js';
import { measured, openBenchSite, untilIdle, writeFresh, type BenchSite } from '../site.js';

const size = 50_000;
/**
 * A process that has been at work for a while, as that of a site is: its code is compiled by then.
 */
const warmUp = 300;

interface Times {
  readonly plain: number[];
  readonly save: number[];
  readonly first: number[];
  readonly all: number[];
  readonly predecessorFirst: number[];
  readonly predecessorAll: number[];
  readonly bare: number[];
  readonly put: number[];
  readonly unflushed: number[];
}

export const saveToDisk: Benchmark = {
  number: 1,
  title: 'One save of a 50 KB file, until it is on the first and on all three other hosts',
  async run(settings): Promise<Result> {
    const trees = settings.files === undefined ? [1_000, 10_000, 100_000] : [settings.files];
    const saves = settings.saves ?? 60;
    const all: Tree[] = [];
    try {
      for (const files of trees) all.push(await Tree.open(settings, files));
      // In turns: a machine whose speed changes from one minute to the next changes it for all
      // trees.
      for (let i = 0; i < saves + warmUp; i++)
        for (const tree of all) await tree.save(i, i >= warmUp);
      for (const tree of all)
        settings.say(
          `ours, ${tree.files.toLocaleString('en')} files: ` +
            `${milliseconds(median(tree.times.all))} to all`,
        );
      for (const tree of all) {
        await tree.compare(tree.files > 50_000 ? 3 : 7);
        settings.say(
          `predecessor, ${tree.files.toLocaleString('en')} files: ` +
            `${milliseconds(median(tree.times.predecessorAll))} to all`,
        );
      }
    } finally {
      for (const tree of all) await tree.close();
    }
    return {
      sizes:
        `${String(saves)} saves for each tree, in turns, after ${String(warmUp)} that are ` +
        `not counted, ${String(size / 1000)} KB each, random bytes`,
      tables: all.map(toTable),
      goals: listGoals(all),
      notes: [
        'Plain: the same model without the plugin. Save: until `save()` has resolved. First and ' +
          'all: from the begin of `save()` until the kernel tells that the file is there.',
        'Predecessor: `rsync -avz` of the whole sync dir over a new ssh connection, one host ' +
          'after another. Bare: `rsync` of that one file to one host over an open ssh ' +
          'connection. Bare SFTP put: nothing but the requests of one put, without a database.',
      ],
    };
  },
};

/** A site with a tree of so many files, and what was measured there. */
class Tree {
  readonly times: Times = {
    plain: [],
    save: [],
    first: [],
    all: [],
    predecessorFirst: [],
    predecessorAll: [],
    bare: [],
    put: [],
    unflushed: [],
  };

  private constructor(
    readonly files: number,
    private readonly site: BenchSite,
    private readonly arrivals: Arrivals,
  ) {}

  static async open(settings: Settings, files: number): Promise<Tree> {
    const site = await openBenchSite(settings, { files });
    try {
      return new Tree(files, site, await Arrivals.at(site.receivers, measured));
    } catch (error) {
      await site.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.arrivals.close();
    await this.site.close();
  }

  /** A plain save and one of ours, whose file is fresh. */
  async save(i: number, counts: boolean): Promise<void> {
    const {
      times,
      arrivals,
      site: { sender, app, Plain },
    } = this;
    const plain = now();
    await Plain.create({ title: 'plain', file: `${measured}/none.jpg` });
    if (counts) times.plain.push(now() - plain);
    const name = `${String(i)}.jpg`,
      file = `${measured}/${name}`;
    const content = await writeFresh(sender, name, size);
    const arriving = arrivals.expect(name);
    const began = now();
    await app.Photo.create({ title: name, file });
    const saved = now();
    const arrived = await arriving;
    await arrivals.check(name, content);
    if (counts) {
      times.save.push(saved - began);
      times.first.push(Math.min(...arrived) - began);
      times.all.push(Math.max(...arrived) - began);
    }
    await untilIdle(app, file);
  }

  /** The others: bare rsync, bare SFTP, and the predecessor so many times. */
  async compare(slowRuns: number): Promise<void> {
    const {
      times,
      arrivals,
      site,
      site: { sender, receivers, key },
    } = this;
    const warm = await new WarmSsh(key, sender, receivers[0] ?? sender).open();
    try {
      for (let i = 0; i < 20; i++) {
        const name = `bare-${String(i)}.jpg`;
        await writeFresh(sender, name, size);
        const began = now();
        await warm.send([`measured/${name}`]);
        times.bare.push(now() - began);
      }
    } finally {
      await warm.close();
    }
    const names = receivers.map(({ name }) => name);
    times.put.push(...(await putBare(site, names, size, 40, { flush: true })));
    times.unflushed.push(...(await putBare(site, names, size, 40, { flush: false })));
    for (let i = 0; i < slowRuns; i++) {
      const name = `predecessor-${String(i)}.jpg`;
      const content = await writeFresh(sender, name, size);
      const arriving = arrivals.expect(name);
      const began = now();
      for (const receiver of receivers) await pushAsPredecessor(key, sender, receiver);
      const arrived = await arriving;
      await arrivals.check(name, content);
      times.predecessorFirst.push(Math.min(...arrived) - began);
      times.predecessorAll.push(Math.max(...arrived) - began);
    }
  }
}

function toTable({ files, times }: Tree): Result['tables'][number] {
  const all = median(times.all);
  return {
    head: [
      `${files.toLocaleString('en')} files in the tree`,
      ...rowHead.slice(1),
      'against ours to all',
    ],
    rows: [
      row('plain save', times.plain, ''),
      row('save', times.save, ''),
      row('ours, first host', times.first, ''),
      row('ours, all three', times.all, '1'),
      row(
        'predecessor, first host',
        times.predecessorFirst,
        ratio(median(times.predecessorFirst) / all),
      ),
      row(
        'predecessor, all three',
        times.predecessorAll,
        ratio(median(times.predecessorAll) / all),
      ),
      row('bare rsync, warm, one host', times.bare, ratio(median(times.bare) / all)),
      row('bare SFTP put, all three at once', times.put, ratio(median(times.put) / all)),
      row('the same without flushing', times.unflushed, ratio(median(times.unflushed) / all)),
    ],
  };
}

function listGoals(found: readonly Tree[]): Result['goals'] {
  const goals: Result['goals'][number][] = found.map(({ files, times }) => {
    const more = median(times.all) - median(times.plain);
    return {
      goal:
        `save → on all three hosts, ${files.toLocaleString('en')} files: ≤ 6 ms more than a ` +
        `plain save`,
      measured: `${milliseconds(more)} more`,
      met: more <= 6,
    };
  });
  const at = (files: number): Times | undefined => found.find((one) => one.files === files)?.times;
  const [small, middle, large] = [at(1_000), at(10_000), at(100_000)];
  if (middle) {
    const times = median(middle.predecessorAll) / median(middle.all);
    goals.push({
      goal: '≥ 100 × faster than the predecessor at 10,000 files',
      measured: ratio(times),
      met: times >= 100,
    });
  }
  if (small && large) {
    const grown = median(large.all) / median(small.all);
    goals.push({
      goal: 'the same at 100,000 files against 1,000: ≤ 1.1 ×',
      measured: ratio(grown),
      met: grown <= 1.1,
    });
  }
  return goals;
}
