// npm run test:fast [-- arguments of vitest]: tests that start no sshd, but for a few slow ones.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { groupTests, slowTests } from './test-groups.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { fast, sshd } = groupTests(root);
console.log(`${String(fast.length)} test files. NOT RUN, npm test runs them:`);
console.log(`  ${String(sshd.length)} files that start an sshd`);
for (const [file, reason] of Object.entries(slowTests)) console.log(`  ${file}: ${reason}`);

const require = createRequire(import.meta.url);
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--project', 'fast', ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
process.exitCode = status ?? 1;
