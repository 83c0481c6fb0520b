import { randomBytes } from 'node:crypto';
import { open, readFile, rm, stat, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyncMediaError } from '../model/errors.js';
import { dateOpen } from '../replica/descriptor.js';
import { describeProcess, isProcessDead } from './process-identity.js';

/**
 * The owner of a lock touches its file this often. After `STILL_MS` without a touch another
 * process takes the lock over.
 */
const TOUCH_MS = 1_000;
const STILL_MS = 8_000;
const WAIT_MS = 30_000;

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
  const mine = `${describeProcess()} ${randomBytes(8).toString('hex')}`;
  const held = await acquire(lock, mine);
  let touched = Promise.resolve();
  const timer = setInterval(() => {
    // The handle refers to our own file, even if another process has replaced it.
    touched = touched.then(() => dateOpen(held, Date.now() / 1000)).catch(() => undefined);
  }, TOUCH_MS);
  timer.unref();
  try {
    return await work(async () => {
      if ((await readLock(lock)) !== mine)
        throw new SyncMediaError(
          'TIMED_OUT',
          `the lock ${lock} was taken over: this process stood still for too long`,
        );
    });
  } finally {
    clearInterval(timer);
    await touched;
    await held.close();
    if ((await readLock(lock)) === mine) await rm(lock, { force: true });
  }
}

async function acquire(lock: string, mine: string): Promise<FileHandle> {
  const deadline = performance.now() + WAIT_MS;
  const watch = new StillWatch(lock),
    breaker = new StillWatch(`${lock}.break`);
  for (;;) {
    const held = await createLock(lock, mine);
    if (held) return held;
    if (await watch.isStale()) await breakLock(watch, breaker);
    else if (performance.now() > deadline)
      throw new SyncMediaError(
        'TIMED_OUT',
        `waited ${String(WAIT_MS / 1000)} s for the lock ${lock}: another process holds it`,
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
class StillWatch {
  private seen = '';
  private since = 0;

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
    if (seen !== this.seen) {
      this.seen = seen;
      this.since = now;
    }
    return now - this.since > STILL_MS;
  }
}

/**
 * Removes a stale lock. If two processes did so at once, the second would remove the lock that
 * the first has acquired since. A second lock file, which lives for a few system calls, prevents
 * that. It names no owner, so it can only go stale by age, and two processes never break it at
 * the same time.
 */
async function breakLock(lock: StillWatch, breaker: StillWatch): Promise<void> {
  const held = await createLock(breaker.path, '');
  if (!held) {
    if (await breaker.isStale()) await rm(breaker.path, { force: true });
    await sleep(5 + Math.random() * 45);
    return;
  }
  try {
    if (await lock.isStale()) await rm(lock.path, { force: true });
  } finally {
    await held.close();
    await rm(breaker.path, { force: true });
  }
}
