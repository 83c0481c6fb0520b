import { readdir } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Machine } from '../flow/site.js';
import { canary } from './corpus.js';

/**
 * Wherever something that ran may have made it: where processes of ours and logins begin, and
 * everything of the hosts.
 */
export async function findCanary(machines: readonly Machine[] = []): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ['/', process.cwd(), homedir(), tmpdir(), '/tmp']) {
    const there: string[] = await readdir(folder).catch(() => []);
    if (there.includes(canary)) found.push(join(folder, canary));
  }
  for (const { ssh } of machines) {
    // Names of the corpus hold its name, and are no file of that name.
    for (const entry of await readdir(ssh.dir, { recursive: true, withFileTypes: true }))
      if (entry.name === canary) found.push(join(entry.parentPath, entry.name));
  }
  return found;
}
