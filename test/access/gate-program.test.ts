import { expect, test } from 'vitest';
import { readFile } from 'node:fs/promises';
import { makeGateModule } from '../../scripts/embed-gate.mjs';
import { gateProgram } from '../../src/access/gate-program.js';

test('the program in the code is gate/syncmedia-gate.py', async () => {
  expect(gateProgram).toBe(await readFile('gate/syncmedia-gate.py', 'utf8'));
});

test('the generated module exports any text as it is', async () => {
  const text = 'print("`${a}` \\n \\\\ $x $")\n\ttab é\n';
  const module = makeGateModule(text);
  const { gateProgram: exported } = (await import(
    `data:text/javascript,${encodeURIComponent(module)}`
  )) as { gateProgram: string };
  expect(exported).toBe(text);
});
