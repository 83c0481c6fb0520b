import { hasCode, SyncMediaError } from '../errors/errors.js';
import { answerPush, chooseDirs, isAskedFor, wouldPush } from '../planning/differences.js';
import { owe } from '../planning/transitions.js';
import { allows } from '../planning/wants.js';
import type { Difference, Failure, Host, Path, SyncDir } from '../words.js';
import type { Progress, RunContext } from './context.js';

const batch = 500;
/** How often a push looks whether the lanes are done, where no event told. In milliseconds. */
const lookMs = 1_000;

/** The failure a thrown error is, as a host's. */
function asHostFailure(error: unknown): Failure {
  if (error instanceof SyncMediaError) return { code: error.code, message: error.message, retryable: true, of: 'host' };
  throw error;
}

/** Hosts a run concerns: approved, asked for. */
export function chooseHosts(context: RunContext, progress: Progress): Host[] {
  return context.others().filter(({ id, status }) => status === 'approved' && isAskedFor(progress.run.hosts, id));
}

/** Calls `take` with batches of differences. */
export async function inBatches(differences: AsyncIterable<Difference>, take: (some: Difference[]) => Promise<void>): Promise<void> {
  let some: Difference[] = [];
  for await (const difference of differences) {
    if (some.push(difference) < batch) continue;
    const full = some;
    some = [];
    await take(full);
  }
  if (some.length > 0) await take(some);
}

/**
 * A push: this host's own scan, then for each host a comparison. What differs becomes owed, and goes the one delivery path; the run
 * ends when the lanes have delivered it, or failed to.
 */
export async function push(context: RunContext, progress: Progress): Promise<void> {
  const dirs = chooseDirs(context.dirs(), progress.run.dirs);
  // A dry run changes nothing: what a scan would capture it tells from the comparison.
  if (!progress.run.dryRun) for (const dir of dirs) await context.scan(dir, progress.signal);
  await Promise.all(chooseHosts(context, progress).map(async (host) => {
    const compared: Path[] = [];
    await eachDir(progress, host, dirs, async (dir) => {
      await inBatches(context.backend.compare(host, dir, 'time', progress.signal), (some) => oweDifferences(context, progress, host, dir, some));
      compared.push(dir.path);
    });
    if (!progress.run.dryRun) await awaitLane(context, progress, host, compared);
  }));
}

/** A sync dir that fails keeps no other of that host from its turn; a host that does not answer is asked for no other. */
export async function eachDir(progress: Progress, host: Host, dirs: readonly SyncDir[], work: (dir: SyncDir) => Promise<void>): Promise<void> {
  for (const dir of dirs) {
    if (!allows(host, dir.path)) continue;
    try {
      await work(dir);
    } catch (error) {
      if (progress.signal.aborted) throw error;
      progress.fail(host.id, asHostFailure(error));
      if (!hasCode(error, 'NO_MARKER')) return;
    }
  }
}

async function oweDifferences(
  context: RunContext, progress: Progress, host: Host, dir: SyncDir, differences: readonly Difference[],
): Promise<void> {
  progress.signal.throwIfAborted();
  const { ledger, me } = context;
  const entries = await ledger.readMany(differences.map(({ path }) => path));
  for (const difference of differences) {
    const entry = entries.get(difference.path);
    if (progress.run.dryRun) {
      if (wouldPush(difference, entry, me, dir) && context.isSafe(difference.path)) progress.would(host.id, difference.path);
      continue;
    }
    if (!entry || answerPush(difference, entry, me, dir) !== 'owe') continue;
    await ledger.change(entry, owe(entry, [host.id]));
    // Its sender delivers it; where that is another host, this one holds it as well and may as well send it now.
    if (entry.sender !== me) await ledger.adopt(entry, me);
  }
}

/** Follows the lane until the host is owed nothing more by this one in these dirs, or fails. */
async function awaitLane(context: RunContext, progress: Progress, host: Host, dirs: readonly Path[]): Promise<void> {
  const { ledger, me, events } = context;
  const isHere = (path: string): boolean => dirs.some((dir) => path.startsWith(`${dir}/`));
  // What is saved from now on is not this push's: on a busy site something is always owed.
  const before = new Date();
  const left = async (): Promise<number> => {
    let count = 0;
    for (const dir of dirs) count += await ledger.count({ owed: host.id, sender: me, below: dir, sendable: true, before });
    return count;
  };
  let delivered = 0, failure: Failure | undefined, wake = (): void => undefined;
  const stops = [
    events.on('outcome', ({ host: id, outcome }) => {
      if (id !== host.id || !isHere(outcome.change.path)) return;
      if (outcome.result === 'delivered') { delivered++; progress.done(1, outcome.bytes); }
      if ('failure' in outcome && outcome.failure.of === 'path') progress.fail(host.id, outcome.failure);
      wake();
    }),
    events.on('failing', (event) => { if (event.host === host.id) { failure = event.failure; wake(); } }),
  ];
  const onAbort = (): void => { wake(); };
  progress.signal.addEventListener('abort', onAbort);
  try {
    const found = await left();
    progress.found(found, 0);
    context.wakeLane(host.id);
    for (let remaining = found; remaining > 0;) {
      const deliveredBefore = delivered;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookMs);
        wake = () => { clearTimeout(timer); resolve(); };
      });
      progress.signal.throwIfAborted();
      if (!chooseHosts(context, progress).some(({ id }) => id === host.id)) {
        failure = { code: 'CANCELLED', message: `${host.hostname} was paused or unregistered meanwhile`, retryable: true, of: 'host' };
      }
      if (delivered - deliveredBefore > 0 && delivered < found && !failure) continue;
      remaining = await left();
      if (remaining > 0 && failure) {
        progress.fail(host.id, failure);
        return;
      }
    }
  } finally {
    for (const stop of stops) stop();
    progress.signal.removeEventListener('abort', onAbort);
  }
}
