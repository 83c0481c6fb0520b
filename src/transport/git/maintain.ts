import { DAY_MS, formatDay } from '../../model/clock.js';
import type { HistoryLimits } from '../../model/history.js';
import type { HostId } from '../../model/host.js';
import type { HistorySize } from '../history.js';
import { removeUnfinishedPacks } from './clean.js';
import { endOrphans } from './orphans.js';
import type { HistoryDay, Repository } from './repository.js';

/** A day that is further ahead comes from a wrong clock or a rogue host. */
const AHEAD_MS = 2 * DAY_MS;
/** Objects that nothing refers to are kept this long: a push may be about to refer to them. */
const UNUSED_FOR = '1.hour.ago';
/** The longest that packing may take. It prints nothing meanwhile. */
export const PACKING_MS = 6 * 60 * 60_000;
/** All objects are packed anew once this share of the bytes is unused. */
const UNUSED_SHARE = 0.1;

/** Returns the bytes that revisions refer to and that are kept outside the repository. */
export type MeasureKept = (revisions: readonly string[], signal: AbortSignal) => Promise<number>;

const keepNothing: MeasureKept = () => Promise.resolve(0);

/**
 * Removes the days that the limits no longer allow, oldest first, and packs the rest. It only
 * packs everything anew if that frees enough: otherwise each day would copy the whole history.
 */
export async function maintainRepository(
  repository: Repository,
  limits: Pick<HistoryLimits, 'days' | 'maxBytes'>,
  signal: AbortSignal,
  measureKept = keepNothing,
  now = new Date(),
): Promise<HistorySize> {
  const measure = async (revisions: readonly string[]): Promise<number> =>
    (await measureObjects(repository, revisions, signal)) + (await measureKept(revisions, signal));
  // A starter may have been killed since this repository was opened.
  await endOrphans(repository.gitDir, signal);
  let days = await removeOldDays(repository, limits.days, signal, now);
  let used = await measureObjects(repository, ['--branches'], signal);
  const excess = used + (await measureKept(['--branches'], signal)) - limits.maxBytes;
  const tooMuch =
    excess > 0
      ? await chooseTooMuch(repository.hostId, days, excess, limits.maxBytes, measure, now)
      : [];
  if (tooMuch.length > 0) {
    await deleteRefs(repository, tooMuch, signal);
    days = days.filter((day) => !tooMuch.includes(day));
    used = await measureObjects(repository, ['--branches'], signal);
  }
  const occupied = await measureRepository(repository, signal);
  const isWasteful = occupied - used > UNUSED_SHARE * occupied;
  await packObjects(repository, isWasteful ? 'all' : 'new', signal);
  const [oldest] = days;
  return {
    bytes: await measureRepository(repository, signal),
    ...(oldest && { oldest: new Date(`${oldest.day}T00:00:00Z`) }),
  };
}

/**
 * Chooses days to remove. A host with more than its equal share of the limit loses its own days
 * first, today's too, so that no host can push out the history of others. Own days of today stay:
 * they are being written.
 */
async function chooseTooMuch(
  self: HostId,
  days: readonly HistoryDay[],
  excess: number,
  maxBytes: number,
  measure: (revisions: readonly string[]) => Promise<number>,
  now: Date,
): Promise<HistoryDay[]> {
  const today = formatDay(now);
  const sizes = new Map<string, number>();
  for (const host of new Set(days.map((day) => day.host))) {
    const tips = days.filter((day) => day.host === host).map(({ tip }) => tip);
    sizes.set(host, await measure(tips));
  }
  const share = maxBytes / sizes.size;
  const left = [...days],
    chosen: HistoryDay[] = [];
  for (let rest = excess; rest > 0;) {
    const [greedy] = [...sizes]
      .filter(([host, bytes]) => host !== self && bytes > share)
      .sort(([, one], [, other]) => other - one);
    const next = left.findIndex(({ host, day }) => (greedy ? host === greedy[0] : day < today));
    const [day] = next < 0 ? [] : left.splice(next, 1);
    if (!day) return chosen;
    const bytes = await measure([day.tip]);
    sizes.set(day.host, (sizes.get(day.host) ?? 0) - bytes);
    rest -= bytes;
    chosen.push(day);
  }
  return chosen;
}

/**
 * Objects of another host that only compressing makes small stay small. Those in a pack of ours are
 * taken as they are.
 */
const compressed: readonly string[] = ['pack.compression', 'core.looseCompression'].flatMap(
  (name) => ['-c', `${name}=1`],
);

/** Young objects without a ref stay: another host may be about to give them one. */
export async function packObjects(
  repository: Repository,
  how: 'all' | 'new',
  signal: AbortSignal,
): Promise<void> {
  const options = { signal, doing: 'packing the history', silenceMs: PACKING_MS };
  const which = {
    all: ['-A', `--unpack-unreachable=${UNUSED_FOR}`],
    new: ['--geometric=2'],
  }[how];
  try {
    await repository.run([...compressed, 'repack', '-d', '-n', '-q', ...which], options);
  } finally {
    // On a full disk git leaves an unfinished pack, and each further try would find no room.
    await removeUnfinishedPacks(repository.gitDir);
  }
  await repository.run(['prune', `--expire=${UNUSED_FOR}`], options);
  await repository.run(['commit-graph', 'write', '--reachable', '--changed-paths'], options);
}

export async function deleteRefs(
  repository: Repository,
  refs: readonly { readonly ref: string }[],
  signal: AbortSignal,
): Promise<void> {
  if (refs.length === 0) return;
  await repository.run(['update-ref', '--stdin'], {
    signal,
    doing: 'removing days of the history',
    input: refs.map(({ ref }) => `delete ${ref}\n`).join(''),
  });
}

/** Also removes refs that are no day: only another host can have made them. */
async function removeOldDays(
  repository: Repository,
  days: number,
  signal: AbortSignal,
  now: Date,
): Promise<HistoryDay[]> {
  const first = formatDay(new Date(now.getTime() - days * DAY_MS)),
    last = formatDay(new Date(now.getTime() + AHEAD_MS));
  // One listing: a day that another host pushes between two would count as no day.
  const { days: all, others } = await repository.listRefs(signal);
  const kept = all.filter(({ day }) => day >= first && day <= last);
  const removed = all.filter((day) => !kept.includes(day));
  await deleteRefs(repository, [...removed, ...others], signal);
  return kept;
}

/** Returns the bytes of what these revisions refer to. */
async function measureObjects(
  repository: Repository,
  revisions: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const { output } = await repository.run(['rev-list', '--objects', '--disk-usage', ...revisions], {
    signal,
    doing: 'measuring the history',
  });
  return Number(output.toString().trim());
}

/** Returns the bytes of all objects, used or not. */
async function measureRepository(repository: Repository, signal: AbortSignal): Promise<number> {
  const read = await countObjects(repository, signal);
  return (read('size') + read('size-pack')) * 1024;
}

/** Counts what git looks into one after the other: loose objects, and packs. */
export async function countParts(
  repository: Repository,
  signal: AbortSignal,
): Promise<{ readonly looseObjects: number; readonly packs: number }> {
  const read = await countObjects(repository, signal);
  return { looseObjects: read('count'), packs: read('packs') };
}

async function countObjects(
  repository: Repository,
  signal: AbortSignal,
): Promise<(name: string) => number> {
  const { output } = await repository.run(['count-objects', '-v'], {
    signal,
    doing: 'measuring the history',
  });
  return (name) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(output.toString())?.[1] ?? 0);
}
