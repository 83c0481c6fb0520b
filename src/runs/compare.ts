import { hasErrorCode, SyncMediaError } from '../model/errors.js';
import { isRequested } from '../decisions/differences.js';
import { findPartObstacle } from '../decisions/run-host.js';
import { allowsPath } from '../decisions/wants.js';
import type { Difference } from '../model/change.js';
import type { Failure } from '../model/failure.js';
import type { Host } from '../model/host.js';
import type { SyncDir } from '../model/sync-dir.js';
import type { LeaderContext } from '../context/leader-context.js';
import type { RunProgress } from './run-progress.js';

const defaultBatch = 500;

/** Turns a thrown error into a host's failure. Throws an error that is no SyncMediaError. */
export function toHostFailure(error: unknown): Failure {
  if (error instanceof SyncMediaError)
    return { code: error.code, message: error.message, retryable: true, scope: 'host' };
  throw error;
}

/**
 * Selects the hosts that the run was requested for. A run of all hosts leaves out a host that
 * cannot take part. A run that names it ends with a failure of that host.
 */
export function chooseRunHosts({ registry, me }: LeaderContext, progress: RunProgress): Host[] {
  const { kind } = progress.run;
  const named = [...new Set(progress.run.hosts)];
  if (named.length === 0)
    return registry.others().filter((host) => !findPartObstacle(host, kind, me));
  return named.flatMap((id) => {
    // A verification also reads this host's own files. Among others, it needs no failure.
    if (id === me && (kind === 'verify' || named.length > 1)) return [];
    const host = registry.find(id);
    const obstacle = findPartObstacle(host, kind, me);
    if (host && !obstacle) return [host];
    if (obstacle) progress.addFailure(id, { ...obstacle, retryable: true, scope: 'host' });
    return [];
  });
}

/**
 * Selects the sync dirs that the run was requested for.
 * @throws BAD_SYNC_DIR if the run names one that this host does not keep: the host that requested
 * the run knows only what the database says of it
 */
export function chooseRequestedDirs({ dirs }: LeaderContext, { run }: RunProgress): SyncDir[] {
  const { list } = dirs.current();
  for (const named of run.dirs)
    if (!list.some(({ path }) => path === named))
      throw new SyncMediaError(
        'BAD_SYNC_DIR',
        `${JSON.stringify(named)} is no sync dir of the host that carries out the run; known are ` +
          list.map(({ path }) => path).join(', '),
      );
  return list.filter(({ path }) => isRequested(run.dirs, path));
}

/** Calls `handleBatch` with batches of the items. */
export async function forEachBatch<T>(
  all: AsyncIterable<T>,
  handleBatch: (some: T[]) => Promise<void>,
  batch = defaultBatch,
): Promise<void> {
  let some: T[] = [];
  for await (const one of all) {
    if (some.push(one) < batch) continue;
    const full = some;
    some = [];
    await handleBatch(full);
  }
  if (some.length > 0) await handleBatch(some);
}

interface ComparedDirs {
  /** The sync dirs that were compared completely. */
  readonly dirs: readonly SyncDir[];
  /** The failure that stopped the others. */
  readonly failure?: Failure;
}

/**
 * Compares this host with another, one sync dir after the other, and passes on differences that
 * may be synced, in batches. An unmounted sync dir does not stop the others; a host that does not
 * answer ends the comparison.
 */
export async function compareWithHost(
  context: LeaderContext,
  progress: RunProgress,
  host: Host,
  dirs: readonly SyncDir[],
  by: 'time' | 'bytes',
  handleBatch: (dir: SyncDir, some: Difference[]) => Promise<void>,
  from: 'both' | 'other' = 'both',
  batch = defaultBatch,
): Promise<ComparedDirs> {
  const compared: SyncDir[] = [];
  let failure: Failure | undefined;
  for (const dir of dirs) {
    if (!allowsPath(host, dir.path)) {
      const { hosts, dirs: named } = progress.run;
      if (hosts.includes(host.id) && named.includes(dir.path))
        progress.addFailure(host.id, {
          code: 'BAD_SYNC_DIR',
          message: `${dir.path} is not among the sync dirs of ${host.hostname}`,
          retryable: false,
          scope: 'host',
        });
      continue;
    }
    try {
      await forEachBatch(
        context.backend.compare(host, dir, by, progress.signal, from),
        async (some) => {
          progress.signal.throwIfAborted();
          await handleBatch(
            dir,
            some.filter(({ path }) => context.findSyncDir(path)),
          );
        },
        batch,
      );
      compared.push(dir);
    } catch (error) {
      if (progress.signal.aborted) throw error;
      failure = toHostFailure(error);
      if (!hasErrorCode(error, 'NO_MARKER')) break;
    }
  }
  return { dirs: compared, ...(failure ? { failure } : {}) };
}
