import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { flushOpen } from '../replica/descriptor.js';

/**
 * Replaces a file atomically: writes a temporary file beside it, flushes it, renames it. After a
 * crash either the old or the new content is there.
 * @param beforeRename may throw to keep the old content
 */
export async function replaceFile(
  file: string,
  content: string | Uint8Array,
  mode: number,
  beforeRename?: () => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}`);
  const handle = await open(temporary, 'wx', mode);
  try {
    try {
      await handle.chmod(mode); // The umask may have removed some bits.
      await handle.writeFile(content);
      await flushOpen(handle);
    } finally {
      await handle.close();
    }
    await beforeRename?.();
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await flushDirectory(dirname(file));
}

async function flushDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await flushOpen(handle);
  } finally {
    await handle.close();
  }
}
