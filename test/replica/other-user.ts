import { chmod } from 'node:fs/promises';

export const isRoot = process.getuid?.() === 0;
const NOBODY = 65534;

/**
 * Runs `work` as someone whom `closed`, a directory, lets neither in nor write, nor read it unless
 * `lists` is set. Root may do anything, so it becomes another user for that time; an ordinary user
 * takes the mode bits away.
 */
export async function asOtherUser<T>(
  closed: string,
  work: () => Promise<T>,
  { lists = false } = {},
): Promise<T> {
  await chmod(closed, (isRoot ? 0o700 : 0o000) | (lists ? 0o444 : 0));
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
    await chmod(closed, 0o700);
  }
}
