// Builds what is published: dist/ in CommonJS, and a wrapper by which `import` gets the same single
// instance.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { embedGate } from './embed-gate.mjs';
import { embedPage } from './embed-page.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);

embedGate();
await embedPage();
rmSync(dist, { recursive: true, force: true });
const compiled = spawnSync(
  process.execPath,
  [require.resolve('typescript/bin/tsc'), '-p', join(root, 'tsconfig.build.json')],
  {
    stdio: 'inherit',
  },
);
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

// The package itself says "module", for its source.
writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n');

// Names that are written out can be imported whatever a tool makes of CommonJS.
for (const entry of [dist, join(dist, 'testing')]) {
  const built = /** @type {Record<string, unknown>} */ (require(join(entry, 'index.js')));
  const names = Object.keys(built).sort();
  writeFileSync(
    join(entry, 'index.mjs'),
    `import built from './index.js';\n\nexport const { ${names.join(', ')} } = built;\n`,
  );
  writeFileSync(join(entry, 'index.d.mts'), "export * from './index.js';\n");
  writeFileSync(join(entry, 'index.d.cts'), "export * from './index.js';\n");
}

const command = join(dist, 'cli/main.js');
if (existsSync(command)) {
  if (!readFileSync(command, 'utf8').startsWith('#!'))
    throw new Error('src/cli/main.ts has no #! line');
  chmodSync(command, 0o755);
}
