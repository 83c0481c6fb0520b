// Checks the code: ESLint with .eslintrc.json, cycles of folders, shared type names, comments, and
// the formatting. ESLint 9 reads .eslintrc.json only if a variable says so, and a variable in a
// package script is not portable.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { embedGate } from './embed-gate.mjs';
import { embedPage } from './embed-page.mjs';
import { findFolderCycles } from './folder-cycles.mjs';
import { findNominalClauses } from './nominal-clauses.mjs';
import { findSharedTypeNames } from './type-names.mjs';

const maxClauses = 39;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const eslint = join(dirname(require.resolve('eslint/package.json')), 'bin/eslint.js');
const given = process.argv.slice(2);
const paths = given.some((word) => !word.startsWith('-')) ? [] : ['.'];
// Results of unchanged files are kept between runs. A rule that looks at other files may miss a
// change there, so CI looks at everything.
const cache = process.env.CI
  ? []
  : [
      '--cache',
      '--cache-strategy',
      'content',
      '--cache-location',
      join(root, 'node_modules/.cache/eslint'),
    ];
const args = [
  eslint,
  '--ext',
  '.ts,.tsx,.mts,.cts,.mjs',
  '--max-warnings',
  '0',
  '--report-unused-disable-directives',
  ...cache,
  ...given,
  ...paths,
];
embedGate();
await embedPage();
// The form of the configuration is deprecated, and says so on every run.
const env = { ...process.env, ESLINT_USE_FLAT_CONFIG: 'false', NODE_NO_WARNINGS: '1' };
const linted = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env });

const cycles = findFolderCycles(join(root, 'src'));
for (const cycle of cycles)
  console.error(`folders of src/ import each other: ${cycle.join(' → ')}`);

const sharedNames = findSharedTypeNames(join(root, 'src'));
for (const message of sharedNames) console.error(message);

const clauses = findNominalClauses(join(root, 'src'));
if (clauses.length > maxClauses) {
  console.error(
    `${String(clauses.length)} comments say "what is …" or "whoever …", and at most ` +
      `${String(maxClauses)} may: name the subject instead\n${clauses.join('\n')}`,
  );
}

const prettier = join(dirname(require.resolve('prettier/package.json')), 'bin/prettier.cjs');
const formatted = spawnSync(process.execPath, [prettier, '--check', '--log-level', 'warn', '.'], {
  cwd: root,
  stdio: 'inherit',
});

const isClean =
  linted.status === 0 &&
  formatted.status === 0 &&
  cycles.length === 0 &&
  sharedNames.length === 0 &&
  clauses.length <= maxClauses;
process.exitCode = isClean ? 0 : 1;
