import { setTimeout as sleep } from 'node:timers/promises';
import { allows } from '../planning/wants.js';
import type { Failure, Host, SyncDir } from '../words.js';
import { inBatches } from './compare.js';
import type { Progress, RunContext } from './context.js';
import { pullFrom } from './pull.js';

const lookMs = 200;
/**
 * How long a new host waits until another one has installed its key, and how often it tries. The others read the hosts every few seconds; sshd
 * may shut out who fails more often than this. In milliseconds.
 */
export const keysPatience = { totalMs: 60_000, tryMs: 3_000 };

/**
 * Fills a new host, or one that was away for long, while new saves are already owed to it. What lies here and is current is held without
 * being sent; the rest comes from one peer. When every active host folds by a host list with this one it is owed what it neither holds
 * nor is owed, what may not be contributed is set aside, and it is ready: a source for others from then on. What went wrong is tried
 * again later, from where it was.
 */
export async function bootstrap(context: RunContext, progress: Progress, patience = keysPatience): Promise<void> {
  const dirs = context.dirs().filter(({ path }) => allows(context.myHost(), path));
  for (const dir of dirs) await context.scan(dir, progress.signal);
  if (!await fill(context, progress, dirs, patience) || !await waitUntilKnown(context, progress)) return;
  for (const dir of dirs) {
    progress.signal.throwIfAborted();
    await context.ledger.oweLacking(dir.path, context.me);
    await setUnknownAside(context, progress, dir);
  }
  await context.markReady();
  // What lies here and no entry knows is captured now: a first adoption.
  for (const dir of dirs) await context.scan(dir, progress.signal);
}

/**
 * From the first peer that gives; passive hosts only where there is no other. False where none did. While a peer does not accept the key of
 * this host, which it may not have read yet, all are asked again for a while.
 */
async function fill(context: RunContext, progress: Progress, dirs: readonly SyncDir[], patience: typeof keysPatience): Promise<boolean> {
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

/** What each peer failed with, where none gave. */
async function fillOnce(context: RunContext, progress: Progress, dirs: readonly SyncDir[]): Promise<'filled' | { peer: Host; failure: Failure }[]> {
  const able = context.others().filter(({ status, passive, readyAt }) => status === 'approved' && (passive || readyAt !== undefined));
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

/** Until each active host that is at work has recorded that it folds for this one; no process folds for a host without a lease. */
async function waitUntilKnown(context: RunContext, progress: Progress): Promise<boolean> {
  const end = performance.now() + context.knownPatienceMs;
  for (;;) {
    await context.refresh();
    const ignorant = context.others().filter(({ id, passive, lease, knows }) => !passive && lease && !context.isGone(id) && !knows?.includes(context.me));
    if (ignorant.length === 0) return true;
    if (performance.now() > end) {
      for (const { id, hostname } of ignorant) {
        const message = `${hostname} has not said that it knows this host: upgrade and restart it, or unregister it if it is gone`;
        progress.fail(id, { code: 'TIMED_OUT', message, retryable: true, of: 'host' });
      }
      return false;
    }
    await sleep(lookMs, undefined, { signal: progress.signal });
  }
}

/**
 * Older files than this host's registration, or than its return, are no news: where an entry has the path it is owed that; where none has,
 * a disk that was a replica before may hold what was deleted meanwhile.
 */
async function setUnknownAside(context: RunContext, progress: Progress, dir: SyncDir): Promise<void> {
  const { ledger, fold, disk } = context;
  const { returnedAt, createdAt }: Host = context.myHost();
  const since = (returnedAt ?? createdAt).getTime();
  const isOld = ({ seen }: { seen: { mtime: number } }): boolean => seen.mtime * 1000 < since;
  await inBatches(disk.scan(dir, progress.signal), async (some) => {
    const old = some.filter(isOld);
    const entries = await ledger.readMany(old.map(({ path }) => path));
    const aside = (await fold.unknown([...entries.values()])).filter(isOld).map(({ path }) => path);
    if (returnedAt) aside.push(...old.filter(({ path }) => !entries.has(path)).map(({ path }) => path));
    for (const path of aside) {
      progress.signal.throwIfAborted();
      await disk.setAside(path);
      context.events.emit('conflict', { path, host: context.me });
    }
  });
}
