import { createHash } from 'node:crypto';
import { SyncMediaError } from '../model/errors.js';
import { answerPull } from '../decisions/differences.js';
import { haveSameSizeAndTime } from '../decisions/file-state.js';
import { allowsPath, capturesOwnFiles, wantsPath } from '../decisions/wants.js';
import type { Difference } from '../model/change.js';
import type { Failure } from '../model/failure.js';
import type { Host, HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';
import type { SyncDir } from '../model/sync-dir.js';
import { waitForDelivery } from './await-delivery-queue.js';
import { chooseRequestedDirs, chooseRunHosts, compareWithHost, forEachBatch } from './compare.js';
import type { LeaderContext } from '../context/leader-context.js';
import type { RunProgress } from './run-progress.js';
import { fetchFrom, type FetchPlan } from './pull.js';

/**
 * Paths as numbers. If two paths share a number, a file may be sent or kept as a conflict
 * needlessly; nothing is lost.
 */
type PathNumbers = Set<number>;

/**
 * Adopts the existing files of a site that have no ledger yet, from the host it runs on. It
 * compares with every other host and reports which files exist only here, only there, or differ.
 * A dry run ends there.
 *
 * Otherwise files that win there by the conflict rule are fetched, and every file here gets its
 * entry. Hosts with the same size and date, or the same bytes, count as holders without a
 * transfer. For the other hosts the entries are pending.
 *
 * @throws BAD_STATE on a host that is itself being bootstrapped
 */
export async function runAdopt(context: LeaderContext, progress: RunProgress): Promise<void> {
  if (context.registry.me().readyAt === undefined) {
    throw new SyncMediaError(
      'BAD_STATE',
      'this host is being bootstrapped from another one: adopt on that one, or wait until this ' +
        'one is ready',
    );
  }
  const dirs = chooseRequestedDirs(context, progress);
  const hosts: Host[] = [],
    sameBytes = new Map<HostId, PathNumbers>();
  for (const host of chooseRunHosts(context, progress)) {
    progress.includeHost(host.id);
    const { paths: samePaths, failure: readFailure } = await listSameBytes(
      context,
      progress,
      host,
      dirs,
    );
    const failure =
      readFailure ??
      (await reportDifferences(context, progress, host, dirs, samePaths)) ??
      (progress.run.dryRun
        ? undefined
        : await fetchFrom(context, progress, host, dirs, (dir, some) =>
            planAdoption(context, progress, host, dir, omitSameBytes(some, samePaths)),
          ));
    if (failure) progress.addFailure(host.id, failure);
    else hosts.push(host);
    sameBytes.set(host.id, samePaths);
  }
  if (progress.run.dryRun) return;
  const differing = new Map<HostId, PathNumbers>();
  for (const host of hosts) {
    const { numbers, failure } = await listDiffering(
      context,
      progress,
      host,
      dirs,
      sameBytes.get(host.id) ?? new Set(),
    );
    if (failure) progress.addFailure(host.id, failure);
    else differing.set(host.id, numbers);
  }
  for (const dir of dirs)
    await recordEntries(
      context,
      progress,
      dir,
      hosts.filter(({ id }) => differing.has(id)),
      differing,
    );
  await Promise.all(
    hosts.map((host) =>
      waitForDelivery(
        context,
        progress,
        host,
        dirs.map(({ path }) => path),
      ),
    ),
  );
}

/**
 * Lists files that differ only in their date, as a deploy leaves them on each host. Reads
 * contents, on both hosts, only if some file has the same size and another date.
 */
async function listSameBytes(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  dirs: readonly SyncDir[],
): Promise<{ paths: PathNumbers; failure?: Failure }> {
  const paths: PathNumbers = new Set();
  let mayBeSame = false;
  const listed = await compareWithHost(context, progress, host, dirs, 'time', (_dir, some) => {
    mayBeSame ||= some.some(({ here, there }) => here && here.size === there?.size);
    return Promise.resolve();
  });
  if (listed.failure || !mayBeSame)
    return { paths, ...(listed.failure ? { failure: listed.failure } : {}) };
  const { failure } = await compareWithHost(
    context,
    progress,
    host,
    dirs,
    'bytes',
    (_dir, some) => {
      for (const { path, sameBytes } of some) if (sameBytes) paths.add(toPathNumber(path));
      return Promise.resolve();
    },
  );
  return { paths, ...(failure ? { failure } : {}) };
}

/** Leaves out files with the same bytes, unless somebody wrote to them since. */
function omitSameBytes(
  differences: readonly Difference[],
  samePaths: PathNumbers,
): readonly Difference[] {
  return differences.filter(
    ({ path, here, there }) => !(samePaths.has(toPathNumber(path)) && here?.size === there?.size),
  );
}

async function reportDifferences(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  dirs: readonly SyncDir[],
  samePaths: PathNumbers,
): Promise<Failure | undefined> {
  let here = 0,
    differ = 0;
  for (const dir of dirs) {
    if (!allowsPath(host, dir.path)) continue;
    for await (const { path } of context.disk.scan(dir, progress.signal))
      if (context.findSyncDir(path)) here++;
  }
  const { failure } = await compareWithHost(context, progress, host, dirs, 'time', (_dir, some) => {
    for (const { path, here: ours, there } of omitSameBytes(some, samePaths)) {
      if (ours) differ++;
      progress.addFinding(host.id, path, !there ? 'missing' : ours ? 'different' : 'extra');
    }
    return Promise.resolve();
  });
  if (!failure) progress.addSame(host.id, Math.max(0, here - differ));
  return failure;
}

/**
 * Plans to fetch files that this host lacks, or has in a version that loses by the rule. Entries
 * made by this same run do not count.
 */
async function planAdoption(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  dir: SyncDir,
  differences: readonly Difference[],
): Promise<FetchPlan> {
  const { ledger, me } = context;
  const entries = await ledger.readMany(differences.map(({ path }) => path));
  const plan: FetchPlan = { known: [], unknown: [], pending: [] };
  for (const difference of differences) {
    const found = entries.get(difference.path);
    const entry =
      found &&
      found.kind === 'file' &&
      found.capturedAt >= (progress.run.startedAt ?? progress.run.requestedAt)
        ? undefined
        : found;
    const answer = answerPull(difference, entry, me, host, dir);
    if (answer.do === 'fetch') plan.known.push({ difference, entry: answer.entry });
    else if (answer.do === 'fetch unknown')
      plan.unknown.push({ difference, rule: answer.rule, entry: found });
  }
  return plan;
}

/**
 * Lists the files to send to the host. A host that neither captures files nor corrects their
 * dates also gets those that differ only in their date.
 */
async function listDiffering(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  dirs: readonly SyncDir[],
  samePaths: PathNumbers,
): Promise<{ numbers: PathNumbers; failure?: Failure }> {
  const numbers: PathNumbers = new Set();
  const { failure } = await compareWithHost(context, progress, host, dirs, 'time', (_dir, some) => {
    for (const { path } of capturesOwnFiles(host) ? omitSameBytes(some, samePaths) : some)
      numbers.add(toPathNumber(path));
    return Promise.resolve();
  });
  return { numbers, ...(failure ? { failure } : {}) };
}

/**
 * Creates the entries of this host's files. Every host that was found to have the same file
 * counts as a holder.
 */
async function recordEntries(
  context: LeaderContext,
  progress: RunProgress,
  dir: SyncDir,
  hosts: readonly Host[],
  differing: ReadonlyMap<HostId, PathNumbers>,
): Promise<void> {
  const { reconciler, ledger, disk } = context;
  const began = (progress.run.startedAt ?? progress.run.requestedAt).getTime();
  const holdersOf = (path: Path, localInfo: LocalFileInfo): HostId[] => {
    // Perhaps written since the hosts were compared.
    if (localInfo.mtime * 1000 >= began - 1_000) return [];
    const number = toPathNumber(path);
    return hosts
      .filter((host) => wantsPath(host, path) && !differing.get(host.id)?.has(number))
      .map(({ id }) => id);
  };
  await forEachBatch(disk.scan(dir, progress.signal), async (some) => {
    progress.signal.throwIfAborted();
    const files = some
      .filter(({ path }) => context.findSyncDir(path))
      .map(({ path, info: localInfo }) => ({
        path,
        info: localInfo,
        holders: holdersOf(path, localInfo),
      }));
    const groups = new Map<string, { holders: HostId[]; paths: Path[] }>();
    for (const { path, holders } of files) {
      const group = groups.get(holders.join(' ')) ?? { holders, paths: [] };
      group.paths.push(path);
      groups.set(holders.join(' '), group);
    }
    for (const { holders, paths } of groups.values())
      context.enqueue(
        await reconciler.reconcilePaths(paths, {
          why: 'scan',
          alsoHeldBy: holders,
          overrules: true,
        }),
      );
    // These entries existed before: the hosts hold the same bytes.
    const entries = await ledger.readMany(files.map(({ path }) => path));
    await ledger.markManyHeld(
      files.flatMap(({ path, info: localInfo, holders }) => {
        const entry = entries.get(path);
        const fresh = holders.filter((host) => !entry?.heldBy.includes(host));
        return entry?.info && haveSameSizeAndTime(entry.info, localInfo) && fresh.length > 0
          ? [{ path, version: entry.version, hosts: fresh }]
          : [];
      }),
    );
  });
}

/** 48 bits of a hash: among a million paths a collision is unlikely. */
function toPathNumber(path: Path): number {
  return createHash('sha256').update(path).digest().readUIntBE(0, 6);
}
