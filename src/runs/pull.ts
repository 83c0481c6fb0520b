import { answerPull, chooseDirs } from '../planning/differences.js';
import { haveSameFacts } from '../planning/standing.js';
import type { Change, Conflict, Difference, Entry, Failure, Host, Outcome, Path, SyncDir } from '../words.js';
import { chooseHosts, compareWith } from './compare.js';
import type { Progress, RunContext } from './context.js';

/** Differences that are kept from counting them until they are fetched; where there are more the hosts are compared once more. */
const keptLimit = 10_000;
/** Fetched at once: the backend carries out parts of it beside one another. */
const batch = 2_000;

/** What is to be done about some differences. */
export interface FetchPlan {
  /** The version is known to the ledger: settled once it is here. */
  readonly known: { difference: Difference; entry: Entry }[];
  /** Captured once it is here. */
  readonly unknown: { difference: Difference; rule: Conflict; entry: Entry | undefined }[];
  /** The other side is to get the path again. */
  readonly owed: Entry[];
}

interface Kept { readonly dir: SyncDir; readonly difference: Difference }

export type PlanFetch = (dir: SyncDir, some: readonly Difference[]) => Promise<FetchPlan>;

/**
 * A pull: what other hosts, active and passive, have and this one lacks is fetched by this host. Where the ledger knows the version
 * it settles as held, else it is captured; what only this host knows to be missing on a passive one is owed to it again.
 */
export async function pull(context: RunContext, progress: Progress): Promise<void> {
  const dirs = chooseDirs(context.dirs(), progress.run.dirs);
  // One host after another: a file that several of them have is fetched once.
  for (const host of chooseHosts(context, progress).filter(({ passive, readyAt }) => passive || readyAt !== undefined)) {
    const failure = await pullFrom(context, progress, host, dirs);
    if (failure) progress.fail(host.id, failure);
  }
}

/** Pulls from one host. Returns what kept the host as a whole from giving; what one path failed with is told to the progress. */
export function pullFrom(context: RunContext, progress: Progress, host: Host, dirs: readonly SyncDir[]): Promise<Failure | undefined> {
  return fetchFrom(context, progress, host, dirs, (dir, some) => planPull(context, host, dir, some));
}

/**
 * First counts what there is to fetch, so that progress can be told, then fetches it. A dry run ends after the first. Where it was
 * interrupted it begins anew, and finds only what is still missing.
 */
export async function fetchFrom(
  context: RunContext, progress: Progress, host: Host, dirs: readonly SyncDir[], planFetch: PlanFetch,
): Promise<Failure | undefined> {
  let kept: Kept[] | undefined = [];
  let failure: Failure | undefined;
  const take = async (dir: SyncDir, some: readonly Difference[]): Promise<void> => {
    failure = await fetchSome(context, progress, host, dir, await planFetch(dir, some)) ?? failure;
  };
  // What an active host lacks is owed to it by the ledger. Of a passive one nobody else finds out.
  const from = host.passive ? 'both' : 'other';
  const counted = await compareWith(context, progress, host, dirs, 'time', async (dir, some) => {
    const { known, unknown, owed } = await planFetch(dir, some);
    if (!progress.run.dryRun) for (const { path, version } of owed) await context.ledger.owe(path, [host.id], version);
    for (const { difference } of [...known, ...unknown]) {
      const size = difference.there?.size ?? 0;
      if (progress.run.dryRun) progress.would(host.id, difference.path, size);
      else progress.found(1, size);
      if (kept && kept.length < keptLimit) kept.push({ dir, difference });
      else kept = undefined;
    }
  }, from);
  if (progress.run.dryRun) return counted.failure;
  if (kept === undefined) return (await compareWith(context, progress, host, counted.dirs, 'time', take, from)).failure ?? failure ?? counted.failure;
  for (const dir of dirs) {
    const here = kept.filter((one) => one.dir === dir).map(({ difference }) => difference);
    for (let at = 0; at < here.length; at += batch) await take(dir, here.slice(at, at + batch));
  }
  return failure ?? counted.failure;
}

async function planPull(context: RunContext, host: Host, dir: SyncDir, differences: readonly Difference[]): Promise<FetchPlan> {
  const { ledger, me } = context;
  const entries = await ledger.readMany(differences.map(({ path }) => path));
  const plan: FetchPlan = { known: [], unknown: [], owed: [] };
  for (const difference of differences) {
    const entry = entries.get(difference.path);
    const answer = answerPull(difference, entry, me, host, dir);
    if (answer.do === 'owe there' && entry) plan.owed.push(entry);
    else if (answer.do === 'fetch') plan.known.push({ difference, entry: answer.entry });
    else if (answer.do === 'fetch unknown') plan.unknown.push({ difference, rule: answer.rule, entry });
  }
  return plan;
}

/** @returns what kept the host as a whole from giving */
async function fetchSome(context: RunContext, progress: Progress, host: Host, dir: SyncDir, plan: FetchPlan): Promise<Failure | undefined> {
  progress.signal.throwIfAborted();
  const known = new Map(plan.known.map(({ entry }) => [entry.path, entry]));
  const planned = new Map([...plan.known, ...plan.unknown].map((one) => [one.difference.path, one]));
  const changes = [
    ...plan.known.map(({ difference, entry }) => asChange(dir, difference, entry)),
    ...plan.unknown.map(({ difference, entry, rule }) => ({ ...asChange(dir, difference, entry), rule })),
  ];
  if (changes.length === 0) return undefined;
  let landed = 0, hostFailure: Failure | undefined;
  const arrived: Path[] = [], settling: Promise<void>[] = [];
  const takeOutcome = async (outcome: Outcome): Promise<void> => {
    context.events.emit('outcome', { host: context.me, outcome });
    if (outcome.result === 'delivered') {
      landed++;
      progress.done(1, outcome.bytes);
      const entry = known.get(outcome.change.path);
      // The next outcome does not wait for this to be stored: what comes meanwhile is settled together, in one write.
      if (entry) {
        const settled = context.settler.settle(entry.path, entry.version, context.me, outcome.sha256);
        // The pull fails with it below. Until then Node would take a rejection for an unhandled one, and end the process.
        settled.catch(() => undefined);
        settling.push(settled);
      } else arrived.push(outcome.change.path);
    } else if (outcome.result === 'kept') {
      // What this host's app wrote was put back, and its own capture may have met the fetched bytes there.
      if (known.has(outcome.change.path)) context.offer(await context.fold.paths([outcome.change.path], { why: 'scan', surely: true }));
    } else if (outcome.result === 'changed' || outcome.result === 'vanished') {
      const one = planned.get(outcome.change.path);
      if (one) await captureStray(context, one);
    } else if ('failure' in outcome) {
      if (outcome.failure.of === 'host') hostFailure = outcome.failure;
      else progress.fail(host.id, outcome.failure);
    }
  };
  try {
    for await (const outcome of context.backend.fetch(host, changes, progress.signal)) await takeOutcome(outcome);
  } finally {
    // Also where the fetch was broken off: what has landed is held.
    await Promise.allSettled(settling);
  }
  await Promise.all(settling);
  if (arrived.length > 0) {
    context.offer(await context.fold.paths(arrived, { why: 'named', alsoHeldBy: [host.id], overrules: true }));
  }
  if (landed > 0) context.landedHere(landed);
  return hostFailure;
}

function asChange(dir: SyncDir, { path, there }: Difference, entry: Entry | undefined): Change & { do: 'put' } {
  return { do: 'put', path, dir, version: entry?.version ?? '', facts: there ?? { size: 0, mtime: 0 } };
}

/**
 * The source was written to while it was fetched: what has landed here, if anything has, are bytes that nobody asked for. They are made a
 * version at once, over the one that was to be fetched and no other. Left for the next scan they would be taken for what this host's app
 * has written by then, and win over everything that is saved until then.
 */
async function captureStray(context: RunContext, { difference: { path, here }, entry }: { difference: Difference; entry: Entry | undefined }): Promise<void> {
  const seen = await context.disk.observe(path).catch(() => undefined);
  if (!seen || (here && haveSameFacts(seen, here)) || entry?.kind === 'tombstone') return;
  context.offer(await context.fold.paths([path], { why: 'scan', surely: true, over: { version: entry?.version } }));
}
