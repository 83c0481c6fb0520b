import { expect, test } from 'vitest';
import { readFile } from 'node:fs/promises';
import { embedGate } from '../../scripts/embed-gate.mjs';
import { gateProgram } from '../../src/access/gate-program.js';

test('is gate/syncmedia-gate.py; else run node scripts/embed-gate.mjs', async () => {
  expect(gateProgram).toBe(await readFile('gate/syncmedia-gate.py', 'utf8'));
  expect(await readFile('src/access/gate-program.ts', 'utf8')).toBe(embedGate());
});
