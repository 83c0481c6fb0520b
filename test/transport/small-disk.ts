import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expectGone } from '../harness/leftovers.js';
import { makeTestDir } from '../harness/tmp.js';

const run = promisify(execFile);

export interface SmallDisk {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * A file system of its own with so much room, mounted at `path`, which is made. Its owner removes
 * it before the directory above.
 */
export async function mountSmallDisk(path: string, bytes: number): Promise<SmallDisk> {
  await mkdir(path, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]);
  const gone = expectGone(`the mount ${path}`, remove);
  async function remove(): Promise<void> {
    await run('umount', ['-l', path]);
    gone();
  }
  return { path, remove };
}

/** Why none can be mounted here, for the names of skipped tests. */
export async function smallDiskIsMissing(): Promise<string | undefined> {
  const dir = await makeTestDir();
  try {
    await (await mountSmallDisk(`${dir.path}/disk`, 65_536)).remove();
    return undefined;
  } catch (error) {
    return `no file system can be mounted here: ${String(error)}`;
  } finally {
    await dir.remove();
  }
}
