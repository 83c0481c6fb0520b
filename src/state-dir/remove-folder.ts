import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes a folder or file with all that it contains. git-annex makes its folders read-only, so
 * these are made writable first.
 */
export async function removeFolder(path: string): Promise<void> {
  await makeWritable(path);
  await rm(path, { recursive: true, force: true });
}

async function makeWritable(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return;
  await chmod(path, 0o700);
  for (const entry of entries) if (entry.isDirectory()) await makeWritable(join(path, entry.name));
}
