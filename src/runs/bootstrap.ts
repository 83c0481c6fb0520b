import { setTimeout as sleep } from 'node:timers/promises';
import { allows } from '../decisions/wants.js';
import type { Failure, Host, SyncDir } from '../model/words.js';
import { inBatches } from './compare.js';
import type { Progress, RunContext } from './context.js';
import { pullFrom } from './pull.js';

const lookMs = 200;
/**
 * In milliseconds. How long a new host waits until another one has installed its key, and how
 * often it tries. The others read the hosts every few seconds, and sshd may lock out clients that
 * fail more often.
 */
export const keysPatience = { totalMs: 60_000, tryMs: 3_000 };

/**
 * Fills a new host, or one that was away for long, while new saves are already pending for it.
 * Current files on its disk count as held without a transfer; the rest comes from one peer.
 *
 * Once every active host has announced this host, all entries that it neither holds nor has
 * pending become pending. Files that it may not contribute move to the conflicts. Then it is
 * ready and a source for others. Failed parts are tried again later, from where they were.
 */
export async function bootstrap(
  context: RunContext,
  progress: Progress,
  patience = keysPatience,
): Promise<void> {
  const dirs = context.dirs().filter(({ path }) => allows(context.myHost(), path));
  for (const dir of dirs) await context.scan(dir, progress.signal);
  if (
    !(await fill(context, progress, dirs, patience)) ||
    !(await waitUntilKnown(context, progress))
  )
    return;
  for (const dir of dirs) {
    progress.signal.throwIfAborted();
    await context.ledger.oweLacking(dir.path, context.me);
    await setUnknownAside(context, progress, dir);
  }
  await context.markReady();
  // Captures files here that no entry knows: a first adoption.
  for (const dir of dirs) await context.scan(dir, progress.signal);
}

/**
 * Fetches from the first peer that answers; from passive hosts only if there is no other. Returns
 * false if none did. While a peer refuses this host's key, which it may not have read yet, all
 * peers are tried again for a while.
 */
async function fill(
  context: RunContext,
  progress: Progress,
  dirs: readonly SyncDir[],
  patience: typeof keysPatience,
): Promise<boolean> {
  const end = performance.now() + patience.totalMs;
  for (;;) {
    const tried = await fillOnce(context, progress, dirs);
    if (tried === 'filled') return true;
    if (performance.now() >= end || !tried.some(({ failure }) => failure.code === 'AUTH_FAILED')) {
      for (const { peer, failure } of tried) progress.fail(peer.id, failure);
      return false;
    }
    await sleep(patience.tryMs, undefined, { signal: progress.signal });
    await context.refresh();
  }
}

/** Returns the failure of each peer if none answered. */
async function fillOnce(
  context: RunContext,
  progress: Progress,
  dirs: readonly SyncDir[],
): Promise<'filled' | { peer: Host; failure: Failure }[]> {
  const able = context
    .others()
    .filter(
      ({ status, passive, readyAt }) => status === 'approved' && (passive || readyAt !== undefined),
    );
  const active = able.filter(({ passive }) => !passive);
  const peers = active.length > 0 ? active : able;
  const failed: { peer: Host; failure: Failure }[] = [];
  for (const peer of peers) {
    const failure = await pullFrom(context, progress, peer, dirs);
    if (!failure) return 'filled';
    failed.push({ peer, failure });
  }
  return peers.length === 0 ? 'filled' : failed;
}

/**
 * Waits until each working active host has announced that it counts this one. A host without a
 * lease has no process that creates entries.
 */
async function waitUntilKnown(context: RunContext, progress: Progress): Promise<boolean> {
  const end = performance.now() + context.knownPatienceMs;
  for (;;) {
    await context.refresh();
    const ignorant = context
      .others()
      .filter(
        ({ id, passive, lease, knows }) =>
          !passive && lease && !context.isGone(id) && !knows?.includes(context.me),
      );
    if (ignorant.length === 0) return true;
    if (performance.now() > end) {
      for (const { id, hostname } of ignorant) {
        const message =
          `${hostname} has not announced this host: upgrade and restart it, or ` +
          `unregister it if it is gone`;
        progress.fail(id, { code: 'TIMED_OUT', message, retryable: true, of: 'host' });
      }
      return false;
    }
    await sleep(lookMs, undefined, { signal: progress.signal });
  }
}

/**
 * Files older than this host's registration, or its return, are not new. Where an entry has the
 * path, its version is pending for this host. Where none has, a disk that was a replica before
 * may still have files that were deleted meanwhile.
 */
async function setUnknownAside(
  context: RunContext,
  progress: Progress,
  dir: SyncDir,
): Promise<void> {
  const { ledger, fold, disk } = context;
  const { returnedAt, createdAt }: Host = context.myHost();
  const since = (returnedAt ?? createdAt).getTime();
  const isOld = ({ seen }: { seen: { mtime: number } }): boolean => seen.mtime * 1000 < since;
  await inBatches(disk.scan(dir, progress.signal), async (some) => {
    const old = some.filter(isOld);
    const entries = await ledger.readMany(old.map(({ path }) => path));
    const aside = (await fold.unknown([...entries.values()])).filter(isOld).map(({ path }) => path);
    if (returnedAt)
      aside.push(...old.filter(({ path }) => !entries.has(path)).map(({ path }) => path));
    for (const path of aside) {
      progress.signal.throwIfAborted();
      await disk.setAside(path);
      context.events.emit('conflict', { path, host: context.me });
    }
  });
}
