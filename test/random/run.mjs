// npm run test:random -- [--seed N] [--seeds K] [--steps S] [--backend rsync|git]: the random test
// with as many seeds, one after the other, and steps as asked.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    steps: { type: 'string', default: '500' },
    backend: { type: 'string', default: 'rsync' },
  },
});
for (const [name, value] of Object.entries(values)) {
  if (name !== 'backend' && !/^\d{1,9}$/.test(value)) {
    console.error(`--${name} is a whole number, and not ${JSON.stringify(value)}`);
    process.exit(2);
  }
}
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const vitest = join(
  dirname(createRequire(import.meta.url).resolve('vitest/package.json')),
  'vitest.mjs',
);
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', 'test/random', '--reporter=verbose', '--bail=0'],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      RANDOM_SEED: values.seed,
      RANDOM_SEEDS: values.seeds,
      RANDOM_STEPS: values.steps,
      RANDOM_BACKEND: values.backend,
    },
  },
);
process.exitCode = status ?? 1;
