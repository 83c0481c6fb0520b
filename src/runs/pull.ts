import { answerPull, explainTransfer } from '../decisions/differences.js';
import { haveSameSizeAndTime } from '../decisions/file-state.js';
import type { Change, Difference, DeliveryOutcome } from '../model/change.js';
import type { ConflictRule, SyncDir } from '../model/sync-dir.js';
import type { Entry } from '../model/entry.js';
import type { Failure } from '../model/failure.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import { SyncMediaError } from '../model/errors.js';
import { chooseRequestedDirs, chooseRunHosts, compareWithHost } from './compare.js';
import { FetchQueue } from './fetch-queue.js';
import type { LeaderContext } from '../context/leader-context.js';
import type { RunProgress } from './run-progress.js';

/** Differences that may wait to be fetched. The comparison waits while there are more. */
const queueLimit = 50_000;
/**
 * Files fetched in one call. The backend transfers parts of it concurrently, and each call starts
 * processes on both hosts.
 */
const batch = 2_000;

/** The actions for some differences. */
export interface FetchPlan {
  /** The ledger knows the version: it is acknowledged once fetched. */
  readonly known: { difference: Difference; entry: Entry }[];
  /** Files that are captured once fetched. */
  readonly unknown: { difference: Difference; rule: ConflictRule; entry: Entry | undefined }[];
  /** Entries to deliver to the other host again. */
  readonly pending: Entry[];
}

type PlanFetch = (dir: SyncDir, some: readonly Difference[]) => Promise<FetchPlan>;

/**
 * A pull fetches files that this host lacks from other hosts, active and passive. A version that
 * the ledger knows is acknowledged, any other is captured. Files missing on a passive host become
 * pending for it again, because no other host finds out.
 */
export async function runPull(context: LeaderContext, progress: RunProgress): Promise<void> {
  const dirs = chooseRequestedDirs(context, progress);
  // One host after another: a file that several of them have is fetched once.
  for (const host of chooseRunHosts(context, progress)) {
    const failure = await pullFrom(context, progress, host, dirs);
    if (failure) progress.addFailure(host.id, failure);
  }
}

/**
 * Pulls from one host. Returns the failure of the host as a whole; failures of single paths go to
 * the progress.
 */
export function pullFrom(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  dirs: readonly SyncDir[],
): Promise<Failure | undefined> {
  return fetchFrom(context, progress, host, dirs, (dir, some) =>
    planPull(context, host, dir, some),
  );
}

/**
 * Compares this host with the other one and fetches meanwhile. The comparison is far ahead of the
 * fetching, so the number of files that the progress shows is soon complete. A dry run only
 * counts. An interrupted run starts again and finds only the files that are still missing.
 */
export async function fetchFrom(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  dirs: readonly SyncDir[],
  planFetch: PlanFetch,
): Promise<Failure | undefined> {
  const queue = new FetchQueue(queueLimit, batch);
  const comparing = compareWithHost(
    context,
    progress,
    host,
    dirs,
    'time',
    async (dir, some) => {
      const toFetch = await countPlanned(context, progress, host, await planFetch(dir, some));
      if (!progress.run.dryRun && !(await queue.put(dir, toFetch)))
        throw new SyncMediaError('CANCELLED', 'the files of the comparison are not fetched');
    },
    // Files missing on an active host are pending in the ledger already. For a passive host nobody
    // else finds out.
    host.passive ? 'both' : 'other',
  ).finally(() => {
    queue.end();
  });
  // Thrown below, once the fetching has ended. Until then Node would treat the rejection as
  // unhandled and end the process.
  comparing.catch(() => undefined);
  let failure: Failure | undefined;
  const fetchBatch: HandleBatch = async (dir, some) => {
    failure =
      (await fetchPlanned(context, progress, host, dir, await planFetch(dir, some))) ?? failure;
  };
  try {
    await overlapBatches(context, fetchBatch, async (fetchNext) => {
      for await (const { dir, differences } of queue.takeBatches())
        await fetchNext(dir, differences);
    });
  } finally {
    queue.stop();
    await Promise.allSettled([comparing]);
  }
  return failure ?? (await comparing).failure;
}

/** Counts what a plan fetches, for the progress, and makes its pending entries pending. */
async function countPlanned(
  { ledger }: LeaderContext,
  progress: RunProgress,
  host: Host,
  { known, unknown, pending }: FetchPlan,
): Promise<Difference[]> {
  const { dryRun } = progress.run;
  if (!dryRun)
    for (const { path, version } of pending) await ledger.markPending(path, [host.id], version);
  const toFetch = [...known, ...unknown];
  for (const { difference, entry } of toFetch) {
    const { path, here, there } = difference,
      size = there?.size ?? 0;
    if (dryRun) progress.addWouldTransfer(host.id, path, size, explainTransfer(here, there, entry));
    else progress.addFound(1, size);
  }
  return toFetch.map(({ difference }) => difference);
}

type HandleBatch = (dir: SyncDir, some: readonly Difference[]) => Promise<void>;

/**
 * Lets two batches overlap: while the files of one arrive, those of the next are looked up and
 * checked. Waits for both, also after an error. A bandwidth limit counts for each rsync, so then
 * one batch follows the other.
 */
async function overlapBatches(
  { config }: Pick<LeaderContext, 'config'>,
  handle: HandleBatch,
  run: (handleNext: HandleBatch) => Promise<void>,
): Promise<void> {
  if (config.bandwidthLimit !== undefined) return run(handle);
  let last: Promise<void> = Promise.resolve();
  const handleNext: HandleBatch = async (dir, some) => {
    const [before, next] = [last, handle(dir, some)];
    last = Promise.allSettled([before, next]).then((ends) => {
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    });
    last.catch(() => undefined);
    await before;
  };
  try {
    await run(handleNext);
  } finally {
    await last;
  }
}

async function planPull(
  context: LeaderContext,
  host: Host,
  dir: SyncDir,
  differences: readonly Difference[],
): Promise<FetchPlan> {
  const { ledger, me } = context;
  const entries = await ledger.readMany(differences.map(({ path }) => path));
  const plan: FetchPlan = { known: [], unknown: [], pending: [] };
  for (const difference of differences) {
    const entry = entries.get(difference.path);
    const answer = answerPull(difference, entry, me, host, dir);
    if (answer.do === 'mark pending there' && entry) plan.pending.push(entry);
    else if (answer.do === 'fetch') plan.known.push({ difference, entry: answer.entry });
    else if (answer.do === 'fetch unknown')
      plan.unknown.push({ difference, rule: answer.rule, entry });
  }
  return plan;
}

/** @returns the failure of the host as a whole */
async function fetchPlanned(
  context: LeaderContext,
  progress: RunProgress,
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
    ...plan.known.map(({ difference, entry }) => toPutChange(dir, difference, entry)),
    ...plan.unknown.map(({ difference, entry, rule }) => ({
      ...toPutChange(dir, difference, entry),
      rule,
    })),
  ];
  if (changes.length === 0) return undefined;
  const begun = performance.now();
  let placedCount = 0,
    hostFailure: Failure | undefined;
  const arrivedPaths: Path[] = [],
    acknowledgements: Promise<void>[] = [];
  const handleOutcome = async (outcome: DeliveryOutcome): Promise<void> => {
    context.events.emit('outcome', {
      host: context.me,
      outcome,
      ms: performance.now() - begun,
    });
    if (outcome.result === 'delivered') {
      placedCount++;
      progress.addDone(1, outcome.bytes);
      const entry = known.get(outcome.change.path);
      // The next outcome does not wait for this write. Outcomes that come meanwhile are
      // acknowledged together.
      if (entry) {
        const acknowledgement = context.acknowledger.acknowledge(
          entry.path,
          entry.version,
          context.me,
          outcome.sha256,
        );
        // The pull throws this error below. Until then Node would treat the rejection as
        // unhandled and end the process.
        acknowledgement.catch(() => undefined);
        acknowledgements.push(acknowledgement);
      } else arrivedPaths.push(outcome.change.path);
    } else if (outcome.result === 'kept') {
      // This host's app had written the file, which was put back. Its own capture may have met
      // the fetched bytes.
      if (known.has(outcome.change.path))
        context.enqueue(
          await context.reconciler.reconcilePaths([outcome.change.path], {
            why: 'scan',
            comparesContent: true,
          }),
        );
    } else if (outcome.result === 'changed' || outcome.result === 'vanished') {
      const one = planned.get(outcome.change.path);
      if (one) await captureUnexpected(context, one);
    } else if ('failure' in outcome) {
      if (outcome.failure.scope === 'host') hostFailure = outcome.failure;
      else progress.addFailure(host.id, outcome.failure);
    }
  };
  try {
    for await (const outcome of context.backend.fetch(host, changes, progress.signal))
      await handleOutcome(outcome);
  } finally {
    // Also after an aborted fetch: files that were placed are held.
    await Promise.allSettled(acknowledgements);
  }
  await Promise.all(acknowledgements);
  if (arrivedPaths.length > 0) {
    context.enqueue(
      await context.reconciler.reconcilePaths(arrivedPaths, {
        why: 'named',
        alsoHeldBy: [host.id],
        overrules: true,
      }),
    );
  }
  if (placedCount > 0) context.reportReceived(placedCount);
  return hostFailure;
}

function toPutChange(
  dir: SyncDir,
  { path, there }: Difference,
  entry: Entry | undefined,
): Change & { do: 'put' } {
  return {
    do: 'put',
    path,
    dir,
    version: entry?.version ?? '',
    info: there ?? { size: 0, mtime: 0 },
  };
}

/**
 * Captures bytes that nobody requested: the source was written to during the fetch. They become a
 * version at once, only over the version that was to be fetched. The next scan would take them
 * for bytes that this host's app wrote, and they would win over everything saved until then.
 */
async function captureUnexpected(
  context: LeaderContext,
  {
    difference: { path, here: ofDir },
    entry,
  }: { difference: Difference; entry: Entry | undefined },
): Promise<void> {
  const localInfo = await context.disk.observe(path).catch(() => undefined);
  if (!localInfo || (ofDir && haveSameSizeAndTime(localInfo, ofDir)) || entry?.kind === 'tombstone')
    return;
  context.enqueue(
    await context.reconciler.reconcilePaths([path], {
      why: 'scan',
      comparesContent: true,
      ifVersion: { version: entry?.version },
    }),
  );
}
