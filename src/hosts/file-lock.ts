import { randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyncMediaError } from '../errors/errors.js';
import { readBootId } from './boot-id.js';

/** A lock this old is nobody's: what it guards takes milliseconds. */
const STALE_MS = 60_000;
/** Between creating the lock file and writing into it lies one system call. */
const EMPTY_STALE_MS = 10_000;
const WAIT_MS = 30_000;

/**
 * Does `work` while no other process that asks for the lock file `lock` does. A lock whose process is gone is taken over.
 *
 * @param work is given a check that throws when the lock was lost (to another that held this process for dead)
 * @throws TIMED_OUT after 30 s of waiting
 */
export async function withLock<T>(lock: string, work: (checkHeld: () => Promise<void>) => Promise<T>): Promise<T> {
  const mine = `${describePlace()} ${String(process.pid)} ${randomBytes(8).toString('hex')}`;
  const deadline = performance.now() + WAIT_MS;
  while (!(await createLock(lock, mine))) {
    if (await isStale(lock)) await breakLock(lock);
    else if (performance.now() > deadline) throw new SyncMediaError('TIMED_OUT', `waited ${String(WAIT_MS / 1000)} s for the lock ${lock}: another process holds it`);
    else await sleep(5 + Math.random() * 45);
  }
  try {
    return await work(async () => {
      if ((await readLock(lock)) !== mine) throw new SyncMediaError('TIMED_OUT', `the lock ${lock} was taken over: this process stood still for too long`);
    });
  } finally {
    if ((await readLock(lock)) === mine) await rm(lock, { force: true });
  }
}

async function createLock(lock: string, content: string): Promise<boolean> {
  try {
    const handle = await open(lock, 'wx', 0o600);
    try {
      await handle.writeFile(content);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readLock(lock: string): Promise<string | undefined> {
  return readFile(lock, 'utf8').catch(() => undefined);
}

async function isStale(lock: string): Promise<boolean> {
  const [content, there] = await Promise.all([readLock(lock), stat(lock).catch(() => undefined)]);
  if (content === undefined || !there) return false; // Just released.
  const age = Date.now() - there.mtimeMs;
  if (content === '') return age > EMPTY_STALE_MS;
  const [place, pid] = content.split(' ');
  return age > STALE_MS || (place === describePlace() && !isAlive(Number(pid)));
}

/**
 * Removes a stale lock. Two who find one stale must not both: the second would remove the lock that the first has taken since. So
 * that is done under a lock of its own, which lives for two system calls and goes stale by age alone.
 */
async function breakLock(lock: string): Promise<void> {
  const breaker = `${lock}.break`;
  if (!(await createLock(breaker, ''))) {
    const there = await stat(breaker).catch(() => undefined);
    if (there && Date.now() - there.mtimeMs > STALE_MS) await rm(breaker, { force: true });
    await sleep(5 + Math.random() * 45);
    return;
  }
  try {
    if (await isStale(lock)) await rm(lock, { force: true });
  } finally {
    await rm(breaker, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Where a process id means something: one boot of one machine, one pid namespace. */
function describePlace(): string {
  return encodeURIComponent(`${hostname()}|${readBootId()}|${readPidNamespace()}`);
}

function readPidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
