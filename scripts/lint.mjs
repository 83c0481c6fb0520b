// ESLint with .eslintrc.json, which ESLint 9 reads only when told so; a variable in a package
// script is not portable.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFolderCycles } from './folder-cycles.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const eslint = join(
  dirname(createRequire(import.meta.url).resolve('eslint/package.json')),
  'bin/eslint.js',
);
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
  '.ts,.mts,.cts,.mjs',
  '--max-warnings',
  '0',
  '--report-unused-disable-directives',
  ...cache,
  ...given,
  ...paths,
];
// The form of the configuration is deprecated, and says so on every run.
const env = { ...process.env, ESLINT_USE_FLAT_CONFIG: 'false', NODE_NO_WARNINGS: '1' };
const linted = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env });

const cycles = findFolderCycles(join(root, 'src'));
for (const cycle of cycles)
  console.error(`folders of src/ import each other: ${cycle.join(' → ')}`);
process.exitCode = linted.status === 0 && cycles.length === 0 ? 0 : 1;
