import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

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

/**
 * Packs the tarball that would be published, once per run of vitest: packing builds dist/, which
 * two workers must not do at once. Returns its path.
 */
export async function pack(): Promise<string> {
  const folder = join(inject('programs'), 'package');
  const result = join(inject('programs'), 'package-result');
  const isFirst = await mkdir(folder).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    const problem = await execute(join(here, '../..'), 'npm', [
      'pack',
      '--silent',
      '--pack-destination',
      folder,
    ]).then(() => '', String);
    await writeFile(`${result}.new`, problem);
    await rename(`${result}.new`, result);
  }
  const problem = await until(() => readFile(result, 'utf8').then((text) => [text]), {
    timeout: 280_000,
    what: 'the packed tarball',
  });
  if (problem[0] !== '') throw new Error(problem[0]);
  const [name = ''] = await readdir(folder);
  return join(folder, name);
}

/**
 * An app that depends on the tarball, not installed yet.
 *
 * @param name of its manifest beside this file
 * @param sources the folder of its programs, relative to this file
 */
export async function copyApp(name: string, tarball: string, sources = 'app'): Promise<TestDir> {
  const dir = await makeTestDir();
  await cp(join(here, sources), dir.path, { recursive: true });
  await mkdir(join(dir.path, 'uploads'), { recursive: true });
  const manifest = JSON.parse(await readFile(join(here, `${name}.json`), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  manifest.dependencies.syncmedia = `file:${tarball}`;
  await writeFile(join(dir.path, 'package.json'), JSON.stringify(manifest));
  return dir;
}

export async function installByNpm({ path }: Pick<TestDir, 'path'>): Promise<void> {
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel', 'error'];
  await execute(path, 'npm', ['install', ...options]);
}

const unreachable =
  /\b(EAI_AGAIN|ENOTFOUND|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTCACHED|ERR_SOCKET_TIMEOUT)\b/;

/**
 * Why an installation failed that reached no registry; undefined where it failed for another
 * reason, which is ours.
 */
export function explainUnreachableRegistry(error: unknown): string | undefined {
  const [code] = unreachable.exec(String(error)) ?? [];
  return code === undefined ? undefined : `the registry of packages cannot be reached: ${code}`;
}
