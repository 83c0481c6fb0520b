import { setTimeout as sleep } from 'node:timers/promises';
import { allowsPath } from '../decisions/wants.js';
import type { Failure } from '../model/failure.js';
import type { Host } from '../model/host.js';
import type { SyncDir } from '../model/sync-dir.js';
import { forEachBatch } from './compare.js';
import type { LeaderContext } from '../context/leader-context.js';
import type { RunProgress } from './run-progress.js';
import { pullFrom } from './pull.js';

const checkMs = 200;
/** Leases for which a host with an old heartbeat is watched. A working one renews several times. */
const watchedLeases = 2;
/**
 * In milliseconds. How long a new host waits until another one has installed its key, and how
 * often it tries. The others read the hosts every few seconds, and sshd may lock out clients that
 * fail more often.
 */
const keyPatience = { totalMs: 60_000, tryMs: 3_000 };

/**
 * Fills a new host, or one that was away for long, while new saves are already pending for it.
 * Current files on its disk count as held without a transfer; the rest comes from one peer.
 *
 * Once every active host has announced this host, all entries that it neither holds nor has
 * pending become pending. Files that it may not contribute move to the conflicts. Then it is
 * ready and a source for others. Failed parts are tried again later, from where they were.
 */
export async function runBootstrap(
  context: LeaderContext,
  progress: RunProgress,
  patience = keyPatience,
): Promise<void> {
  const dirs = context.dirs
    .current()
    .list.filter(({ path }) => allowsPath(context.registry.me(), path));
  for (const dir of dirs) await context.scan(dir, progress.signal);
  if (
    !(await fillFromPeers(context, progress, dirs, patience)) ||
    !(await waitForMembership(context, progress))
  )
    return;
  for (const dir of dirs) {
    progress.signal.throwIfAborted();
    await context.ledger.markLackingPending(dir.path, context.me);
    await moveUnknownToConflicts(context, progress, dir);
  }
  await context.registry.markReady();
  // Captures files here that no entry knows: a first adoption.
  for (const dir of dirs) await context.scan(dir, progress.signal);
}

/**
 * Fetches from the first peer that answers; from passive hosts only if there is no other. Returns
 * false if none did. While a peer refuses this host's key, which it may not have read yet, all
 * peers are tried again for a while.
 */
async function fillFromPeers(
  context: LeaderContext,
  progress: RunProgress,
  dirs: readonly SyncDir[],
  patience: typeof keyPatience,
): Promise<boolean> {
  const end = performance.now() + patience.totalMs;
  for (;;) {
    const failures = await tryPeers(context, progress, dirs);
    if (failures === 'filled') return true;
    if (
      performance.now() >= end ||
      !failures.some(({ failure }) => failure.code === 'AUTH_FAILED')
    ) {
      for (const { peer, failure } of failures) progress.addFailure(peer.id, failure);
      return false;
    }
    await sleep(patience.tryMs, undefined, { signal: progress.signal });
    await context.refresh();
  }
}

/** Returns the failure of each peer if none answered. */
async function tryPeers(
  context: LeaderContext,
  progress: RunProgress,
  dirs: readonly SyncDir[],
): Promise<'filled' | { peer: Host; failure: Failure }[]> {
  const capable = context.registry
    .others()
    .filter(
      ({ status, passive, readyAt }) => status === 'approved' && (passive || readyAt !== undefined),
    );
  const active = capable.filter(({ passive }) => !passive);
  const peers = active.length > 0 ? active : capable;
  const failed: { peer: Host; failure: Failure }[] = [];
  for (const peer of peers) {
    progress.run.from = peer.id;
    const failure = await pullFrom(context, progress, peer, dirs);
    if (!failure) return 'filled';
    failed.push({ peer, failure });
  }
  return peers.length === 0 ? 'filled' : failed;
}

/**
 * Waits until each working active host has announced that it counts this one. A host without a
 * lease has no process that creates entries. One that was killed keeps its lease, and does not
 * count once it has been silent for `goneMs`: in this process's sight, or by its heartbeat.
 */
async function waitForMembership(context: LeaderContext, progress: RunProgress): Promise<boolean> {
  const { goneMs, leaseMs } = context.tuning;
  const end = performance.now() + 2 * goneMs;
  const isGone = (host: Host): boolean =>
    context.heartbeats.isGone(host.id) ||
    context.heartbeats.wasGoneBefore(host, context.registry.me(), watchedLeases * leaseMs);
  for (;;) {
    await context.refresh();
    const missing = context.registry
      .others()
      .filter(
        (host) =>
          !host.passive && host.lease && !host.members?.includes(context.me) && !isGone(host),
      );
    if (missing.length === 0) return true;
    if (performance.now() > end) {
      for (const { id, hostname } of missing) {
        const message =
          `${hostname} has not announced this host: upgrade and restart it, or ` +
          `unregister it if it is gone`;
        progress.addFailure(id, { code: 'TIMED_OUT', message, retryable: true, scope: 'host' });
      }
      return false;
    }
    await sleep(checkMs, undefined, { signal: progress.signal });
  }
}

/**
 * Files older than this host's registration, or its return, are not new. Where an entry has the
 * path, its version is pending for this host. Where none has, a disk that was a replica before
 * may still have files that were deleted meanwhile.
 */
async function moveUnknownToConflicts(
  context: LeaderContext,
  progress: RunProgress,
  dir: SyncDir,
): Promise<void> {
  const { ledger, reconciler, disk } = context;
  const { returnedAt, createdAt }: Host = context.registry.me();
  const since = (returnedAt ?? createdAt).getTime();
  const isOld = ({ info }: { info: { mtime: number } }): boolean => info.mtime * 1000 < since;
  await forEachBatch(disk.scan(dir, progress.signal), async (some) => {
    const older = some.filter(isOld);
    const entries = await ledger.readMany(older.map(({ path }) => path));
    const unknown = (await reconciler.listUnknown([...entries.values()]))
      .filter(isOld)
      .map(({ path }) => path);
    if (returnedAt)
      unknown.push(...older.filter(({ path }) => !entries.has(path)).map(({ path }) => path));
    for (const path of unknown) {
      progress.signal.throwIfAborted();
      await disk.moveToConflicts(path);
      context.events.emit('conflict', { path, host: context.me });
    }
  });
}
