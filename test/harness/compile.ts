import { existsSync, renameSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync, stop } from 'esbuild';
import { inject } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Bundles a program of ours, once per run of vitest. Its processes then start in a fraction of the
 * time that a loader needs, and all of them run the same code.
 *
 * @param program `new URL('…', import.meta.url)`, by which scripts/test-groups.mjs sees what a test
 *   starts
 * @returns the file to run with node
 */
export function compileProgram(program: URL): string {
  const source = fileURLToPath(program);
  const target = join(inject('programs'), relative(root, source).replaceAll('/', '-'));
  const file = join(target, basename(source).replace(/\.m?[jt]s$/, '.js'));
  if (existsSync(file)) return file;
  const own = `${target}.${String(process.pid)}`;
  buildSync({
    entryPoints: [source],
    outdir: own,
    bundle: true,
    // So that dynamic imports are loaded later.
    splitting: true,
    packages: 'external',
    // The examples import the package by its name.
    alias: { syncmedia: join(root, 'src/index.ts') },
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  void stop();
  try {
    renameSync(own, target);
  } catch (error) {
    // Another worker has compiled it meanwhile.
    if (!existsSync(file)) throw error;
  }
  return file;
}
