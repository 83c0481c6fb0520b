import { findFault, mayRepair } from '../decisions/findings.js';
import { chooseDirs, isAskedFor } from '../decisions/differences.js';
import { haveSameFacts } from '../decisions/file-state.js';
import { wants } from '../decisions/wants.js';
import type { Difference, Entry, Finding, Host, Path, SyncDir } from '../model/words.js';
import { awaitLane } from './await-lane.js';
import { chooseHosts, compareWith } from './compare.js';
import { hashThere, isGoodHere, repairHere } from './content.js';
import type { Progress, RunContext } from './context.js';
import { verifyOwn } from './verify-own.js';

/** The most repairs under way to one host before the run waits for them. */
const owedLimit = 10_000;

/**
 * A verification by content. It compares this host's own files with the ledger's sha256, then
 * each other host's files with this one's. A difference is reported for the host whose bytes are
 * not the ledger's.
 *
 * With `repair` this host fetches what it should have, and makes pending for the others what they
 * should have, from bytes that match the ledger. It never removes anything, and never restores a
 * file that a tombstone removed.
 */
export async function verify(context: RunContext, progress: Progress): Promise<void> {
  const dirs = chooseDirs(context.dirs(), progress.run.dirs);
  if (isAskedFor(progress.run.hosts, context.me))
    for (const dir of dirs) await verifyOwn(context, progress, dir);
  for (const host of chooseHosts(context, progress).filter(
    ({ passive, readyAt }) => passive || readyAt !== undefined,
  )) {
    progress.report(host.id);
    await verifyHost(context, progress, host, dirs);
  }
}

async function verifyHost(
  context: RunContext,
  progress: Progress,
  host: Host,
  dirs: readonly SyncDir[],
): Promise<void> {
  const { ledger } = context;
  const owed = new Set<Path>();
  const awaitRepairs = async (): Promise<void> => {
    if (owed.size === 0) return;
    await awaitLane(
      context,
      progress,
      host,
      dirs.map(({ path }) => path),
    );
    const paths = [...owed];
    owed.clear();
    for (const { heldBy } of (await ledger.readMany(paths)).values())
      if (heldBy.includes(host.id)) progress.repaired(host.id, 1);
  };
  const { failure } = await compareWith(
    context,
    progress,
    host,
    dirs,
    'bytes',
    async (dir, some) => {
      const entries = await ledger.readMany(some.map(({ path }) => path));
      for (const difference of some) {
        progress.signal.throwIfAborted();
        const entry = entries.get(difference.path);
        const fault = await judge(context, progress, host, difference, entry);
        if (!fault) continue;
        progress.finding(host.id, difference.path, fault);
        if (
          progress.run.repair &&
          entry &&
          mayRepair(difference, entry, host, dir) &&
          (await repairThere(context, progress, host, dir, entry))
        )
          owed.add(entry.path);
      }
      if (owed.size >= owedLimit) await awaitRepairs();
    },
  );
  if (failure) progress.fail(host.id, failure);
  await awaitRepairs();
}

/**
 * Finds whether a difference is the other host's fault. This host's own verification reports its
 * own faults.
 */
async function judge(
  context: RunContext,
  progress: Progress,
  host: Host,
  { path, here, there }: Difference,
  entry: Entry | undefined,
): Promise<Finding | undefined> {
  const fault = findFault(entry, host.id, wants(host, path), there);
  if (fault !== 'content decides') return fault;
  const { sha256 } = entry?.facts ?? {};
  // Nobody knows the content of the version.
  if (!entry?.facts || sha256 === undefined) return here ? 'different' : undefined;
  if (here && haveSameFacts(here, entry.facts) && (await isGoodHere(context, entry)))
    return 'different';
  return (await hashThere(context, host, path, progress.signal)) === sha256
    ? undefined
    : 'different';
}

/** Makes the path pending for the host. This host has good bytes, or fetches them first. */
async function repairThere(
  context: RunContext,
  progress: Progress,
  host: Host,
  dir: SyncDir,
  entry: Entry,
): Promise<boolean> {
  const { ledger, me } = context;
  // This host is about to get the path itself; its origin sends it there as well.
  if (!entry.heldBy.includes(me)) return false;
  if (await context.isCaptured(host.id, entry.path)) return false;
  if (!(await isGoodHere(context, entry)) && !(await repairHere(context, progress, dir, entry)))
    return false;
  if (!(await ledger.owe(entry.path, [host.id], entry.version))) return false;
  if (entry.sender !== me) await ledger.adopt(entry, me);
  return true;
}
