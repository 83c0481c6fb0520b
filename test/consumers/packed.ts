import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

export const here = fileURLToPath(new URL('.', import.meta.url));
const run = promisify(execFile);

/** Runs a command whose failure is worth reading whole. */
export async function execute(
  cwd: string,
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  try {
    return (await run(program, args, { cwd, timeout: 240_000, env: { ...process.env, ...env } }))
      .stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`);
  }
}

/** The tarball that would be published, in a directory of its own. */
export async function pack(): Promise<{ dir: TestDir; tarball: string }> {
  const dir = await makeTestDir();
  await execute(join(here, '../..'), 'npm', ['pack', '--silent', '--pack-destination', dir.path]);
  const [name = ''] = await readdir(dir.path);
  return { dir, tarball: join(dir.path, name) };
}

/**
 * An app that depends on the tarball, not installed yet. @param name of its manifest beside this
 * file
 */
export async function copyApp(name: string, tarball: string): Promise<TestDir> {
  const dir = await makeTestDir();
  await cp(join(here, 'app'), dir.path, { recursive: true });
  await mkdir(join(dir.path, 'uploads'));
  const manifest = JSON.parse(await readFile(join(here, `${name}.json`), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  manifest.dependencies.syncmedia = `file:${tarball}`;
  await writeFile(join(dir.path, 'package.json'), JSON.stringify(manifest));
  return dir;
}

export async function installByNpm({ path }: TestDir): Promise<void> {
  await execute(path, 'npm', [
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--no-package-lock',
    '--loglevel',
    'error',
  ]);
}
