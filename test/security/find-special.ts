import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Lists entries below a directory that are setuid, setgid, sticky, or neither file nor directory.
 */
export async function findSpecial(folder: string): Promise<{ path: string; mode: string }[]> {
  const found: { path: string; mode: string }[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name),
      stat = await lstat(path);
    if ((stat.mode & 0o7000) !== 0 || !(stat.isFile() || stat.isDirectory()))
      found.push({ path, mode: stat.mode.toString(8) });
  }
  return found;
}
