import { answerPull, chooseDirs } from '../decisions/differences.js';
import { haveSameFacts } from '../decisions/file-state.js';
import type {
  Change,
  Conflict,
  Difference,
  Entry,
  Failure,
  Host,
  Outcome,
  Path,
  SyncDir,
} from '../model/words.js';
import { chooseHosts, compareWith } from './compare.js';
import type { Progress, RunContext } from './context.js';

/**
 * Differences kept from counting until fetching. If there are more, the hosts are compared once
 * more.
 */
const keptLimit = 10_000;
/** Files fetched in one call. The backend transfers parts of it concurrently. */
const batch = 2_000;

/** The actions for some differences. */
export interface FetchPlan {
  /** The ledger knows the version: it is acknowledged once fetched. */
  readonly known: { difference: Difference; entry: Entry }[];
  /** Files that are captured once fetched. */
  readonly unknown: { difference: Difference; rule: Conflict; entry: Entry | undefined }[];
  /** Entries to deliver to the other host again. */
  readonly owed: Entry[];
}

interface Kept {
  readonly dir: SyncDir;
  readonly difference: Difference;
}

export type PlanFetch = (dir: SyncDir, some: readonly Difference[]) => Promise<FetchPlan>;

/**
 * A pull fetches files that this host lacks from other hosts, active and passive. A version that
 * the ledger knows is acknowledged, any other is captured. Files missing on a passive host become
 * pending for it again, because no other host finds out.
 */
export async function pull(context: RunContext, progress: Progress): Promise<void> {
  const dirs = chooseDirs(context.dirs(), progress.run.dirs);
  // One host after another: a file that several of them have is fetched once.
  for (const host of chooseHosts(context, progress).filter(
    ({ passive, readyAt }) => passive || readyAt !== undefined,
  )) {
    const failure = await pullFrom(context, progress, host, dirs);
    if (failure) progress.fail(host.id, failure);
  }
}

/**
 * Pulls from one host. Returns the failure of the host as a whole; failures of single paths go to
 * the progress.
 */
export function pullFrom(
  context: RunContext,
  progress: Progress,
  host: Host,
  dirs: readonly SyncDir[],
): Promise<Failure | undefined> {
  return fetchFrom(context, progress, host, dirs, (dir, some) =>
    planPull(context, host, dir, some),
  );
}

/**
 * Counts the files to fetch first, so that progress can be shown, then fetches them. A dry run
 * ends after counting. An interrupted run starts again and finds only what is still missing.
 */
export async function fetchFrom(
  context: RunContext,
  progress: Progress,
  host: Host,
  dirs: readonly SyncDir[],
  planFetch: PlanFetch,
): Promise<Failure | undefined> {
  let kept: Kept[] | undefined = [];
  let failure: Failure | undefined;
  const take = async (dir: SyncDir, some: readonly Difference[]): Promise<void> => {
    failure =
      (await fetchSome(context, progress, host, dir, await planFetch(dir, some))) ?? failure;
  };
  // Files missing on an active host are pending in the ledger already. For a passive host nobody
  // else finds out.
  const from = host.passive ? 'both' : 'other';
  const counted = await compareWith(
    context,
    progress,
    host,
    dirs,
    'time',
    async (dir, some) => {
      const { known, unknown, owed } = await planFetch(dir, some);
      if (!progress.run.dryRun)
        for (const { path, version } of owed) await context.ledger.owe(path, [host.id], version);
      for (const { difference } of [...known, ...unknown]) {
        const size = difference.there?.size ?? 0;
        if (progress.run.dryRun) progress.would(host.id, difference.path, size);
        else progress.found(1, size);
        if (kept && kept.length < keptLimit) kept.push({ dir, difference });
        else kept = undefined;
      }
    },
    from,
  );
  if (progress.run.dryRun) return counted.failure;
  if (kept === undefined)
    return (
      (await compareWith(context, progress, host, counted.dirs, 'time', take, from)).failure ??
      failure ??
      counted.failure
    );
  for (const dir of dirs) {
    const here = kept.filter((one) => one.dir === dir).map(({ difference }) => difference);
    for (let at = 0; at < here.length; at += batch) await take(dir, here.slice(at, at + batch));
  }
  return failure ?? counted.failure;
}

async function planPull(
  context: RunContext,
  host: Host,
  dir: SyncDir,
  differences: readonly Difference[],
): Promise<FetchPlan> {
  const { ledger, me } = context;
  const entries = await ledger.readMany(differences.map(({ path }) => path));
  const plan: FetchPlan = { known: [], unknown: [], owed: [] };
  for (const difference of differences) {
    const entry = entries.get(difference.path);
    const answer = answerPull(difference, entry, me, host, dir);
    if (answer.do === 'owe there' && entry) plan.owed.push(entry);
    else if (answer.do === 'fetch') plan.known.push({ difference, entry: answer.entry });
    else if (answer.do === 'fetch unknown')
      plan.unknown.push({ difference, rule: answer.rule, entry });
  }
  return plan;
}

/** @returns the failure of the host as a whole */
async function fetchSome(
  context: RunContext,
  progress: Progress,
  host: Host,
  dir: SyncDir,
  plan: FetchPlan,
): Promise<Failure | undefined> {
  progress.signal.throwIfAborted();
  const known = new Map(plan.known.map(({ entry }) => [entry.path, entry]));
  const planned = new Map(
    [...plan.known, ...plan.unknown].map((one) => [one.difference.path, one]),
  );
  const changes = [
    ...plan.known.map(({ difference, entry }) => asChange(dir, difference, entry)),
    ...plan.unknown.map(({ difference, entry, rule }) => ({
      ...asChange(dir, difference, entry),
      rule,
    })),
  ];
  if (changes.length === 0) return undefined;
  let landed = 0,
    hostFailure: Failure | undefined;
  const arrived: Path[] = [],
    settling: Promise<void>[] = [];
  const takeOutcome = async (outcome: Outcome): Promise<void> => {
    context.events.emit('outcome', { host: context.me, outcome });
    if (outcome.result === 'delivered') {
      landed++;
      progress.done(1, outcome.bytes);
      const entry = known.get(outcome.change.path);
      // The next outcome does not wait for this write. Outcomes that come meanwhile are
      // acknowledged together.
      if (entry) {
        const settled = context.settler.settle(
          entry.path,
          entry.version,
          context.me,
          outcome.sha256,
        );
        // The pull throws this error below. Until then Node would treat the rejection as
        // unhandled and end the process.
        settled.catch(() => undefined);
        settling.push(settled);
      } else arrived.push(outcome.change.path);
    } else if (outcome.result === 'kept') {
      // This host's app had written the file, which was put back. Its own capture may have met
      // the fetched bytes.
      if (known.has(outcome.change.path))
        context.offer(
          await context.fold.paths([outcome.change.path], { why: 'scan', surely: true }),
        );
    } else if (outcome.result === 'changed' || outcome.result === 'vanished') {
      const one = planned.get(outcome.change.path);
      if (one) await captureStray(context, one);
    } else if ('failure' in outcome) {
      if (outcome.failure.of === 'host') hostFailure = outcome.failure;
      else progress.fail(host.id, outcome.failure);
    }
  };
  try {
    for await (const outcome of context.backend.fetch(host, changes, progress.signal))
      await takeOutcome(outcome);
  } finally {
    // Also after an aborted fetch: files that were placed are held.
    await Promise.allSettled(settling);
  }
  await Promise.all(settling);
  if (arrived.length > 0) {
    context.offer(
      await context.fold.paths(arrived, { why: 'named', alsoHeldBy: [host.id], overrules: true }),
    );
  }
  if (landed > 0) context.landedHere(landed);
  return hostFailure;
}

function asChange(
  dir: SyncDir,
  { path, there }: Difference,
  entry: Entry | undefined,
): Change & { do: 'put' } {
  return {
    do: 'put',
    path,
    dir,
    version: entry?.version ?? '',
    facts: there ?? { size: 0, mtime: 0 },
  };
}

/**
 * Captures bytes that nobody requested: the source was written to during the fetch. They become a
 * version at once, only over the version that was to be fetched. The next scan would take them
 * for bytes that this host's app wrote, and they would win over everything saved until then.
 */
async function captureStray(
  context: RunContext,
  { difference: { path, here }, entry }: { difference: Difference; entry: Entry | undefined },
): Promise<void> {
  const seen = await context.disk.observe(path).catch(() => undefined);
  if (!seen || (here && haveSameFacts(seen, here)) || entry?.kind === 'tombstone') return;
  context.offer(
    await context.fold.paths([path], {
      why: 'scan',
      surely: true,
      over: { version: entry?.version },
    }),
  );
}
