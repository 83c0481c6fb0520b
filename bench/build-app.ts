import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Builds the package as it is published, and the app of the benchmarks as JavaScript that uses it:
 * what compiles TypeScript when a process starts would be most of what a start takes.
 *
 * @returns the app's file; it is removed when this process ends
 */
export async function buildApp(): Promise<string> {
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (built.status !== 0)
    throw new Error(`scripts/build.mjs failed (${String(built.status ?? built.signal)})`);
  // Below the package, where it finds its node_modules.
  const dir = mkdtempSync(join(root, 'node_modules/.bench-'));
  process.once('exit', () => {
    rmSync(dir, { recursive: true, force: true });
  });
  const outfile = join(dir, 'app.mjs');
  await build({
    entryPoints: [join(root, 'bench/app.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'warning',
    plugins: [
      {
        name: 'published package',
        setup: (bundler) => {
          bundler.onResolve({ filter: /\/src\// }, ({ path }) => ({
            path: join(root, 'dist', path.slice(path.indexOf('/src/') + '/src/'.length)),
            external: true,
          }));
        },
      },
    ],
  });
  return outfile;
}
