import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const run = promisify(execFile);

/** PM2 in a folder of its own, from the registry, or the reason why it is not to be had. */
export type InstalledPm2 =
  { readonly dir: TestDir; readonly bin: string } | { readonly missing: string };

/** The owner removes the folder. */
export async function installPm2(): Promise<InstalledPm2> {
  const dir = await makeTestDir();
  const manifest = { private: true, dependencies: { pm2: '7.0.4' } };
  await writeFile(join(dir.path, 'package.json'), JSON.stringify(manifest));
  try {
    const options = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
    await run('npm', ['install', ...options], { cwd: dir.path, timeout: 120_000 });
    return { dir, bin: join(dir.path, 'node_modules/pm2/bin') };
  } catch (error) {
    await dir.remove();
    return { missing: `npm cannot install pm2: ${(error as Error).message.slice(0, 200)}` };
  }
}
