import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectGone } from './leftovers.js';

export interface TestDir {
  path: string;
  remove(): Promise<void>;
}

/**
 * An empty directory, 0700, with a real and short path: Unix sockets below it must stay under 104
 * bytes. Its owner removes it; a file that leaves one behind fails.
 */
export async function makeTestDir(): Promise<TestDir> {
  // macOS's own temporary directory is 49 bytes long and a symlink.
  const base = tmpdir().length > 30 ? '/tmp' : tmpdir();
  const path = await realpath(await mkdtemp(join(base, 'sm-')));
  const gone = expectGone(`the directory ${path}`, remove);
  async function remove(): Promise<void> {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
    gone();
  }
  return { path, remove };
}
