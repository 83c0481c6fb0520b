import { backendNames, type BackendName } from '../../src/model/backend-name.js';
import { BackendSite } from '../backends/backend-site.js';
import {
  fileBytes,
  saveBursts,
  saveLarge,
  saveSingly,
  type Bursts,
  type ByBackend,
  type LargeSaves,
  type SingleSaves,
} from '../backends/rounds.js';
import type { Benchmark, Result, Settings } from '../benchmark.js';
import { mean, median, milliseconds, p95, ratio } from '../figures.js';
import { atOnce } from '../unreachable-burst.js';

const firstTree = 1_000;
/** git-annex treats small files as git does, so the largest tree has two backends. */
const laterTrees = [
  { files: 10_000, backends: backendNames },
  { files: 100_000, backends: ['rsync', 'git'] as readonly BackendName[] },
];
const megabytes = 300;
const mostTimes = 1.1;

interface Disk {
  readonly what: string;
  readonly backend: BackendName;
  /** Multiples of the bytes of the files. */
  readonly after: Sides;
  readonly cleaned: Sides;
}
interface Sides {
  readonly sender: number;
  readonly receiver: number;
}

/** `--saves N`: the saves of a burst; `--files N`: the largest tree. */
export const backends: Benchmark = {
  number: 15,
  title: 'The backends rsync, git and git-annex, side by side, with three other hosts',
  async run(settings): Promise<Result> {
    const saves = settings.saves ?? 1_000;
    const trees = laterTrees.filter(({ files }) => files <= (settings.files ?? Infinity));
    let sites: BackendSite[] = [];
    const singles: { files: number; found: SingleSaves }[] = [],
      disks: Disk[] = [];
    let bursts: Bursts, large: LargeSaves;
    const closed: BackendSite[] = [];
    try {
      for (const backend of backendNames)
        sites.push(await BackendSite.open(settings, backend, firstTree));
      // Their code is compiled by then.
      await saveSingly(sites, { alone: 1, sequences: 1 }, settings.say);

      singles.push({
        files: firstTree,
        found: await saveSingly(sites, { alone: 16, sequences: 4 }, settings.say),
      });
      bursts = await weigh(sites, disks, `files of ${String(fileBytes / 1000)} KB`, () =>
        saveBursts(sites, saves, 4, settings.say),
      );
      large = await weigh(sites, disks, `files of ${String(megabytes)} MB`, () =>
        saveLarge(sites, megabytes, 2, settings.say),
      );
      let before = firstTree;
      for (const { files, backends: some } of trees) {
        for (const site of sites.filter(({ backend }) => !some.includes(backend))) {
          await site.close();
          closed.push(site);
        }
        sites = sites.filter((site) => !closed.includes(site));
        await grow(settings, sites, files - before);
        before = files;
        // The applications have just started.
        for (const site of sites) await site.save(fileBytes);
        singles.push({
          files,
          found: await saveSingly(sites, { alone: 16, sequences: 4 }, settings.say),
        });
      }
    } finally {
      for (const site of sites) await site.close();
    }
    return {
      sizes:
        `files of ${String(fileBytes / 1000)} KB, random bytes; bursts of ` +
        `${saves.toLocaleString('en')}, ${String(atOnce)} at once; ${String(megabytes)} MB; trees ` +
        `of files of 1 KB, all of them in the history`,
      tables: [toSingleTable(singles), toManyTable(saves, bursts, large), toDiskTable(disks)],
      goals: listGoals(singles, saves, bursts, large),
      notes: [
        'In brackets: the multiple of what rsync took in the same run. The backends take turns; ' +
          'what is compared was measured within seconds. All hosts share the two processors ' +
          'of one machine, also for what a receiver does with a history.',
        'Alone: the site was idle before. In sequence: each save follows the delivery of the one ' +
          'before, while the history of the earlier ones is recorded and shared. History: ' +
          'until all three hosts have the version in theirs.',
        'The backend git keeps name and hash of a file of 300 MB (`SYNCMEDIA_HISTORY_MAX_FILE_BYTES`), ' +
          'git-annex its bytes, on all hosts. Disk: the files as they are served, and the ' +
          'folders `git` and `annex`, in blocks of the file system. Cleaned: after what the leader ' +
          'does once a day.',
      ],
    };
  },
};

/** Measures the disk around some saves, right after them and once cleaned. */
async function weigh<T>(
  sites: readonly BackendSite[],
  disks: Disk[],
  what: string,
  act: () => Promise<T>,
): Promise<T> {
  const before = new Map<BackendSite, Sides & { bytes: number }>();
  for (const site of sites)
    before.set(site, { ...(await site.measureDisk()), bytes: site.savedBytes });
  const result = await act();
  for (const site of sites) {
    const measure = async (): Promise<Sides> => {
      const now = await site.measureDisk(),
        then = before.get(site);
      const bytes = site.savedBytes - (then?.bytes ?? NaN);
      return {
        sender: (now.sender - (then?.sender ?? NaN)) / bytes,
        receiver: (now.receiver - (then?.receiver ?? NaN)) / bytes,
      };
    };
    const after = await measure();
    await site.clean();
    disks.push({ what, backend: site.backend, after, cleaned: await measure() });
  }
  return result;
}

async function grow(
  { say }: Settings,
  sites: readonly BackendSite[],
  files: number,
): Promise<void> {
  for (const site of sites) {
    say(`${site.backend}: ${files.toLocaleString('en')} more files`);
    await site.site.addFiles(files, `tree-${String(files)}`);
    await site.untilRemembered();
    // The application would pack them within minutes, some of them during a round of one backend.
    await site.clean();
  }
}

function toSingleTable(
  singles: readonly { files: number; found: SingleSaves }[],
): Result['tables'][number] {
  return {
    head: ['one save of 50 KB, until all three hosts have it', ...backendNames],
    rows: singles.flatMap(({ files, found: { alone, history, sequence } }) => {
      const tree = `${files.toLocaleString('en')} files`;
      return [
        compare(`${tree}, alone`, alone),
        compare('… p95', alone, p95),
        compare('… in sequence', sequence),
        compare('… in sequence, mean', sequence, mean),
        compare('… in sequence, p95', sequence, p95),
        compare('… history', history),
      ];
    }),
  };
}

function toManyTable(saves: number, bursts: Bursts, large: LargeSaves): Result['tables'][number] {
  const many = `${saves.toLocaleString('en')} × 50 KB`,
    one = `one file of ${String(megabytes)} MB`;
  return {
    head: ['many files, a large file', ...backendNames],
    rows: [
      compare(`${many}: all three hosts have them`, bursts.delivered),
      compare('… and the history', bursts.remembered),
      compareSeconds('… processor time of all hosts', bursts.cpu),
      compare(`${one}: all three hosts have it`, large.delivered),
      compare('… and the history', large.remembered),
    ],
  };
}

function toDiskTable(disks: readonly Disk[]): Result['tables'][number] {
  const say = ({ sender, receiver }: Sides): string => `${ratio(sender)}, ${ratio(receiver)}`;
  const whats = [...new Set(disks.map(({ what }) => what))];
  const rowOf = (what: string, when: 'after' | 'cleaned'): string[] => [
    `${what}, ${when === 'after' ? 'right after' : 'cleaned'}`,
    ...backendNames.map((name) => {
      const found = disks.find((disk) => disk.what === what && disk.backend === name);
      return found ? say(found[when]) : '';
    }),
  ];
  return {
    head: ['disk of the sender, of a receiver, as multiples of the bytes', ...backendNames],
    rows: whats.flatMap((what) => [rowOf(what, 'after'), rowOf(what, 'cleaned')]),
  };
}

function compare(what: string, found: ByBackend, of = median): string[] {
  const base = found.rsync && of(found.rsync);
  return [
    what,
    ...backendNames.map((name) => {
      const values = found[name];
      if (!values) return '';
      const value = of(values);
      const text = value < 1_000 ? milliseconds(value) : `${(value / 1000).toFixed(2)} s`;
      return name === 'rsync' || base === undefined ? text : `${text} (${ratio(value / base)})`;
    }),
  ];
}

function compareSeconds(what: string, found: ByBackend): string[] {
  const asMilliseconds = Object.fromEntries(
    Object.entries(found).map(([name, values]) => [name, values.map((value) => value * 1_000)]),
  );
  return compare(what, asMilliseconds);
}

/** The median of the ratios of each round, whose turns follow each other. */
function findRatio(found: ByBackend, name: BackendName): number | undefined {
  const values = found[name];
  return values && median(values.map((value, i) => value / (found.rsync?.[i] ?? NaN)));
}

function listGoals(
  singles: readonly { files: number; found: SingleSaves }[],
  saves: number,
  bursts: Bursts,
  large: LargeSaves,
): Result['goals'] {
  const goal = (
    what: string,
    found: ByBackend,
    of: (found: ByBackend, name: BackendName) => number | undefined,
  ): Result['goals'][number] => {
    const git = of(found, 'git'),
      annex = of(found, 'git-annex');
    return {
      goal: `delivery with a history, ${what}: ≤ ${String(mostTimes)} × without`,
      measured:
        `git ${ratio(git ?? NaN)}` + (annex === undefined ? '' : `, git-annex ${ratio(annex)}`),
      met: (git ?? NaN) <= mostTimes && (annex ?? 0) <= mostTimes,
    };
  };
  const ofMedians = (found: ByBackend, name: BackendName): number | undefined => {
    const values = found[name];
    return values && median(values) / median(found.rsync ?? []);
  };
  return [
    ...singles.flatMap(({ files, found: { alone, sequence } }) => [
      goal(`one save, ${files.toLocaleString('en')} files`, alone, ofMedians),
      goal(`saves in sequence, ${files.toLocaleString('en')} files`, sequence, ofMedians),
    ]),
    goal(`${saves.toLocaleString('en')} saves`, bursts.delivered, findRatio),
    goal(`${String(megabytes)} MB`, large.delivered, findRatio),
  ];
}
