import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostId } from '../../model/host.js';

/**
 * A younger lock may belong to a git that outlived the process which started it, where `/proc` does
 * not show such. It ends within this time, since its input ends.
 */
const LOCK_AGE_MS = 5_000;
const LOCK_CHECK_MS = 100;
/**
 * An older lock of another host's ref was left by a connection that broke off. So was one from as
 * far in the future: the clock was set back.
 */
const FOREIGN_LOCK_AGE_MS = 60_000;

/**
 * Below the repository: the last commits that days had before paths were removed from them. They
 * stay there until their objects are gone, since nothing else leads to these after a crash or a
 * full disk.
 */
export const FORGETTING_FILE = 'forgetting';

const GIT_FILES: readonly string[] = ['HEAD', 'config', 'objects', 'refs', 'packed-refs'];
const OUR_FILES: readonly string[] = ['instance', FORGETTING_FILE];

/**
 * Removes what a crash left in the repository, before the leader records anything:
 *
 * - Locks. Only the leader writes this host's refs, so a lock of theirs has no owner. git would
 *   fail at it for ever. Those of other hosts' refs may be in use, unless they are old.
 * - Empty loose objects. git cannot read one, and does not write the same content again.
 * - Files that could configure git. Only objects, refs and our configuration belong here.
 *
 * Unfinished packs stay until the next packing has ended.
 */
export async function removeLeftovers(gitDir: string, host: HostId): Promise<void> {
  for (const name of await listNames(gitDir))
    if (![...GIT_FILES, ...OUR_FILES].includes(name)) await removeLeftover(join(gitDir, name));
  for (const lock of await listLocks(gitDir, host)) await removeLock(lock);
  await removeForeignLocks(join(gitDir, 'refs/heads'), host);
  await removeEmptyObjects(join(gitDir, 'objects'));
}

/**
 * Removes unfinished packs of this host. Only a write of the leader makes them here, and writes
 * follow each other. Those that another host is sending lie in a folder of their own.
 */
export async function removeUnfinishedPacks(gitDir: string): Promise<void> {
  const packs = join(gitDir, 'objects/pack');
  for (const name of await listNames(packs))
    if (/^\.?tmp[_-]/.test(name)) await rm(join(packs, name), { force: true });
}

async function removeLeftover(file: string): Promise<void> {
  if (file.endsWith('.lock')) await removeLock(file);
  else await rm(file, { recursive: true, force: true });
}

async function listLocks(gitDir: string, host: HostId): Promise<string[]> {
  const folders = [`refs/heads/${host}`, 'objects/info', 'objects/info/commit-graphs'];
  const found = await Promise.all(
    folders.map(async (folder) =>
      (await listNames(join(gitDir, folder)))
        .filter((name) => name.endsWith('.lock'))
        .map((name) => join(gitDir, folder, name)),
    ),
  );
  return found.flat();
}

async function removeForeignLocks(heads: string, host: HostId): Promise<void> {
  const names = await readdir(heads, { recursive: true }).catch(() => []);
  for (const name of names.filter((one) => one.endsWith('.lock'))) {
    const lock = join(heads, name);
    const there = await stat(lock).catch(() => undefined);
    const isOld = there && Math.abs(Date.now() - there.mtimeMs) > FOREIGN_LOCK_AGE_MS;
    if (!name.startsWith(`${host}/`) && isOld) await rm(lock, { force: true, recursive: true });
  }
}

export async function removeLock(lock: string): Promise<void> {
  for (;;) {
    const there = await stat(lock).catch(() => undefined);
    if (there === undefined) return;
    const age = Date.now() - there.mtimeMs;
    if (Math.abs(age) > LOCK_AGE_MS) break;
    await sleep(LOCK_CHECK_MS);
  }
  await rm(lock, { force: true, recursive: true });
}

async function removeEmptyObjects(objects: string): Promise<void> {
  for (const folder of (await listNames(objects)).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
    for (const name of await listNames(join(objects, folder))) {
      const file = join(objects, folder, name);
      if ((await stat(file).catch(() => undefined))?.size === 0) await rm(file, { force: true });
    }
  }
}

async function listNames(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
