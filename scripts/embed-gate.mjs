// Writes src/access/gate-program.ts from gate/syncmedia-gate.py. The program's text is part of the
// code because apps are bundled, and then no file of ours lies beside them. A test says when this
// has to run.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = (/** @type {string} */ path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** @returns {string} what src/access/gate-program.ts has to be */
export function embedGate() {
  const program = readFileSync(file('gate/syncmedia-gate.py'), 'utf8').replace(
    /[\\`]|\$\{/g,
    '\\$&',
  );
  return (
    `/** ` +
    `gate/syncmedia-gate.py, by scripts/embed-gate.mjs: change it there. */\nexport const ` +
    `gateProgram = \`${program}\`;\n`
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(file('src/access/gate-program.ts'), embedGate());
