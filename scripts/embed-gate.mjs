// Generates src/access/gate-program.ts from gate/syncmedia-gate.py and the files that it includes.
// The program's text is part of the code because apps are bundled, and then no file of ours lies
// beside them. Setup, build, lint,
// typecheck and the tests run this first, so the generated file is not committed.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = (/** @type {string} */ path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const source = 'gate/syncmedia-gate.py';
const target = file('src/access/gate-program.ts');

/**
 * @param {string} program any text
 * @returns {string} a TypeScript module that exports it as `gateProgram`
 */
export function makeGateModule(program) {
  const escaped = program.replace(/[\\`]|\$\{/g, '\\$&');
  return (
    `/** Generated from ${source} by scripts/embed-gate.mjs: change it there. */\n` +
    `export const gateProgram = \`${escaped}\`;\n`
  );
}

/**
 * Reads the gate's program as one file: the line `# include gate/NAME.py` stands for that file.
 * Every host runs it as a single file, so it imports no other.
 * @returns {string}
 */
export function readGateProgram() {
  return readFileSync(file(source), 'utf8').replace(
    /^# include (gate\/[a-z]+\.py)\n/gm,
    (_, part) => readFileSync(file(part), 'utf8'),
  );
}

/** Writes src/access/gate-program.ts if it is missing or not up to date. */
export function embedGate() {
  const text = makeGateModule(readGateProgram());
  if (readIfPresent(target) === text) return;
  // Another process may read the module at the same time, so it is replaced as a whole.
  const temporary = `${target}.${String(process.pid)}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, target);
}

/** @param {string} path @returns {string | undefined} */
function readIfPresent(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) embedGate();
