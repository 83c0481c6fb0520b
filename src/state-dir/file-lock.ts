import { randomBytes } from 'node:crypto';
import { open, readFile, rm, stat, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyncMediaError } from '../model/errors.js';
import { dateOpen } from '../replica/descriptor.js';
import { describeThisProcess, isProcessDead } from './process-identity.js';

/**
 * The owner of a lock touches its file this often. After `STALE_AFTER_MS` without a touch another
 * process takes the lock over.
 */
const LOCK_TOUCH_MS = 1_000;
const STALE_AFTER_MS = 8_000;
const LOCK_WAIT_MS = 30_000;

/**
 * Runs `work` while this process holds the lock file `lock`. A waiting process takes the lock
 * over at once if its owner has certainly ended. Otherwise it waits until the file, which the
 * owner touches every second, has not changed for 8 s on the waiting process's own clock.
 *
 * @param work receives a check that throws if another process has taken the lock over
 * @throws TIMED_OUT after 30 s of waiting
 */
export async function withLock<T>(
  lock: string,
  work: (checkHeld: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const ownContent = `${describeThisProcess()} ${randomBytes(8).toString('hex')}`;
  const handle = await acquireLock(lock, ownContent);
  let touched = Promise.resolve();
  const timer = setInterval(() => {
    // The handle refers to our own file, even if another process has replaced it.
    touched = touched.then(() => dateOpen(handle, Date.now() / 1000)).catch(() => undefined);
  }, LOCK_TOUCH_MS);
  timer.unref();
  try {
    return await work(async () => {
      if ((await readLock(lock)) !== ownContent)
        throw new SyncMediaError(
          'TIMED_OUT',
          `the lock ${lock} was taken over: this process stood still for too long`,
        );
    });
  } finally {
    clearInterval(timer);
    await touched;
    await handle.close();
    if ((await readLock(lock)) === ownContent) await rm(lock, { force: true });
  }
}

async function acquireLock(lock: string, ownContent: string): Promise<FileHandle> {
  const deadline = performance.now() + LOCK_WAIT_MS;
  const watch = new StaleLockDetector(lock),
    breaker = new StaleLockDetector(`${lock}.break`);
  for (;;) {
    const handle = await createLock(lock, ownContent);
    if (handle) return handle;
    if (await watch.isStale()) await breakLock(watch, breaker);
    else if (performance.now() > deadline)
      throw new SyncMediaError(
        'TIMED_OUT',
        `waited ${String(LOCK_WAIT_MS / 1000)} s for the lock ${lock}: another process holds it`,
      );
    else await sleep(5 + Math.random() * 45);
  }
}

async function createLock(lock: string, content: string): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(lock, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
  try {
    await handle.writeFile(content);
    return handle;
  } catch (error) {
    await handle.close();
    await rm(lock, { force: true });
    throw error;
  }
}

function readLock(lock: string): Promise<string | undefined> {
  return readFile(lock, 'utf8').catch(() => undefined);
}

/** Observes a lock file on behalf of a process that waits for it. */
class StaleLockDetector {
  private lastSeen = '';
  private unchangedSince = 0;

  constructor(readonly path: string) {}

  /**
   * Whether the lock may be removed: its owner has ended, or the file has not changed for too
   * long.
   */
  async isStale(): Promise<boolean> {
    const [content, there] = await Promise.all([
      readLock(this.path),
      stat(this.path, { bigint: true }).catch(() => undefined),
    ]);
    if (content === undefined || !there) return false; // The owner has just released it.
    const [owner = ''] = content.split(' ');
    if (await isProcessDead(owner)) return true;
    const now = performance.now(),
      seen = `${String(there.ino)} ${String(there.mtimeNs)} ${content}`;
    if (seen !== this.lastSeen) {
      this.lastSeen = seen;
      this.unchangedSince = now;
    }
    return now - this.unchangedSince > STALE_AFTER_MS;
  }
}

/**
 * Removes a stale lock. If two processes did so at once, the second would remove the lock that
 * the first has acquired since. A second lock file, which lives for a few system calls, prevents
 * that. It names no owner, so it can only go stale by age, and two processes never break it at
 * the same time.
 */
async function breakLock(lock: StaleLockDetector, breaker: StaleLockDetector): Promise<void> {
  const handle = await createLock(breaker.path, '');
  if (!handle) {
    if (await breaker.isStale()) await rm(breaker.path, { force: true });
    await sleep(5 + Math.random() * 45);
    return;
  }
  try {
    if (await lock.isStale()) await rm(lock.path, { force: true });
  } finally {
    await handle.close();
    await rm(breaker.path, { force: true });
  }
}
