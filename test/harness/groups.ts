import { chmod, chown, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The group of what this process makes. */
export const ownGroup = process.getegid?.() ?? 0;

/**
 * Groups, as numbers, that this process can give files to and that are not its own. Root takes ones
 * that nobody has: the kernel knows numbers alone. An ordinary user has those it belongs to, which
 * may be fewer than are asked for.
 */
export function otherGroups(count: number): number[] {
  const groups =
    process.getuid?.() === 0
      ? [54_401, 54_402, 54_403]
      : (process.getgroups?.() ?? []).filter((gid) => gid !== ownGroup);
  return groups.slice(0, count);
}

/**
 * Makes a directory, unless it exists, that gives its group to new entries. It belongs to the owner
 * of its parent.
 */
export async function share(path: string, gid: number): Promise<void> {
  await mkdir(path, { recursive: true });
  await chown(path, (await stat(dirname(path))).uid, gid);
  await chmod(path, 0o2750);
}
