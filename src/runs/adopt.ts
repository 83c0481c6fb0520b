import { createHash } from 'node:crypto';
import { SyncMediaError } from '../errors/errors.js';
import { answerPull, chooseDirs } from '../planning/differences.js';
import { haveSameFacts } from '../planning/standing.js';
import { allows, wants } from '../planning/wants.js';
import type { Difference, Failure, Host, HostId, Path, Seen, SyncDir } from '../words.js';
import { awaitLane } from './await-lane.js';
import { chooseHosts, compareWith, inBatches } from './compare.js';
import type { Progress, RunContext } from './context.js';
import { fetchFrom, type FetchPlan } from './pull.js';

/** Paths that differ on a host, as numbers; two of one number cost a transfer that was not needed, and nothing else. */
type Differing = Set<number>;

/**
 * Takes over a site whose files have no ledger yet, from the host it runs on: compares with every other host, tells what is only here,
 * only there and different, and as a dry run ends there. Else what wins there, by the conflict rule, is fetched, all that is here gets its
 * entry, and hosts that have the same size and date count as holders without being sent anything; the others are owed it.
 *
 * @throws BAD_STATE on a host that is being filled itself
 */
export async function adopt(context: RunContext, progress: Progress): Promise<void> {
  if (context.myHost().readyAt === undefined) {
    throw new SyncMediaError('BAD_STATE', 'this host is being filled from another one: adopt on that one, or wait until this one is ready');
  }
  const dirs = chooseDirs(context.dirs(), progress.run.dirs);
  const hosts: Host[] = [];
  for (const host of chooseHosts(context, progress)) {
    progress.report(host.id);
    const failure = await tellDifferences(context, progress, host, dirs)
      ?? (progress.run.dryRun ? undefined : await fetchFrom(context, progress, host, dirs, (dir, some) => planAdopt(context, progress, host, dir, some)));
    if (failure) progress.fail(host.id, failure);
    else hosts.push(host);
  }
  if (progress.run.dryRun) return;
  const differing = new Map<HostId, Differing>();
  for (const host of hosts) {
    const { numbers, failure } = await listDiffering(context, progress, host, dirs);
    if (failure) progress.fail(host.id, failure);
    else differing.set(host.id, numbers);
  }
  for (const dir of dirs) await record(context, progress, dir, hosts.filter(({ id }) => differing.has(id)), differing);
  await Promise.all(hosts.map((host) => awaitLane(context, progress, host, dirs.map(({ path }) => path))));
}

async function tellDifferences(context: RunContext, progress: Progress, host: Host, dirs: readonly SyncDir[]): Promise<Failure | undefined> {
  let here = 0, differ = 0;
  for (const dir of dirs) {
    if (!allows(host, dir.path)) continue;
    for await (const { path } of context.disk.scan(dir, progress.signal)) if (context.isSafe(path)) here++;
  }
  const { failure } = await compareWith(context, progress, host, dirs, 'time', (_dir, some) => {
    for (const { path, here: ours, there } of some) {
      if (ours) differ++;
      progress.finding(host.id, path, !there ? 'missing' : ours ? 'different' : 'extra');
    }
    return Promise.resolve();
  });
  if (!failure) progress.same(host.id, Math.max(0, here - differ));
  return failure;
}

/** What the other side has and this one lacks, or has in a version that loses by the rule; entries made by this very run bind nobody. */
async function planAdopt(context: RunContext, progress: Progress, host: Host, dir: SyncDir, differences: readonly Difference[]): Promise<FetchPlan> {
  const { ledger, me } = context;
  const entries = await ledger.readMany(differences.map(({ path }) => path));
  const plan: FetchPlan = { known: [], unknown: [], owed: [] };
  for (const difference of differences) {
    const found = entries.get(difference.path);
    const entry = found && found.kind === 'file' && found.capturedAt >= (progress.run.startedAt ?? progress.run.askedAt) ? undefined : found;
    const answer = answerPull(difference, entry, me, host, dir);
    if (answer.do === 'fetch') plan.known.push({ difference, entry: answer.entry });
    else if (answer.do === 'fetch unknown') plan.unknown.push({ difference, rule: answer.rule, entry: found });
  }
  return plan;
}

async function listDiffering(context: RunContext, progress: Progress, host: Host, dirs: readonly SyncDir[]): Promise<{ numbers: Differing; failure?: Failure }> {
  const numbers: Differing = new Set();
  const { failure } = await compareWith(context, progress, host, dirs, 'time', (_dir, some) => {
    for (const { path } of some) numbers.add(asNumber(path));
    return Promise.resolve();
  });
  return { numbers, ...(failure ? { failure } : {}) };
}

/** Makes the entries of this host's files, held by every host that was found to have the same. */
async function record(
  context: RunContext, progress: Progress, dir: SyncDir, hosts: readonly Host[], differing: ReadonlyMap<HostId, Differing>,
): Promise<void> {
  const { fold, ledger, disk } = context;
  const began = (progress.run.startedAt ?? progress.run.askedAt).getTime();
  const holdersOf = (path: Path, seen: Seen): HostId[] => {
    // Written since the hosts were compared, perhaps.
    if (seen.mtime * 1000 >= began - 1_000) return [];
    const number = asNumber(path);
    return hosts.filter((host) => wants(host, path) && !differing.get(host.id)?.has(number)).map(({ id }) => id);
  };
  await inBatches(disk.scan(dir, progress.signal), async (some) => {
    progress.signal.throwIfAborted();
    const files = some.filter(({ path }) => context.isSafe(path)).map(({ path, seen }) => ({ path, seen, holders: holdersOf(path, seen) }));
    const groups = new Map<string, { holders: HostId[]; paths: Path[] }>();
    for (const { path, holders } of files) {
      const group = groups.get(holders.join(' ')) ?? { holders, paths: [] };
      group.paths.push(path);
      groups.set(holders.join(' '), group);
    }
    for (const { holders, paths } of groups.values()) context.offer(await fold.paths(paths, { why: 'scan', alsoHeldBy: holders, overrules: true }));
    // Entries that were there before: the same bytes are held there too.
    const entries = await ledger.readMany(files.map(({ path }) => path));
    await ledger.holdMany(files.flatMap(({ path, seen, holders }) => {
      const entry = entries.get(path);
      const fresh = holders.filter((host) => !entry?.heldBy.includes(host));
      return entry?.facts && haveSameFacts(entry.facts, seen) && fresh.length > 0 ? [{ path, version: entry.version, hosts: fresh }] : [];
    }));
  });
}

/** 48 bits of a hash: of a million paths hardly two are the same. */
function asNumber(path: Path): number {
  return createHash('sha256').update(path).digest().readUIntBE(0, 6);
}
