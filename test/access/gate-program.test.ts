import { expect, test } from 'vitest';
import { readFile } from 'node:fs/promises';
import { makeGateModule } from '../../scripts/embed-gate.mjs';
import { gateProgram } from '../../src/access/gate-program.js';

test('the program in the code is gate/syncmedia-gate.py with the files that it includes', async () => {
  const parts = ['syncmedia-gate', 'confine', 'history', 'watch'].map((name) =>
    readFile(`gate/${name}.py`, 'utf8'),
  );
  const [main, ...included] = await Promise.all(parts);
  const lines = main?.split('\n').filter((line) => !line.startsWith('# include ')) ?? [];
  for (const line of [...lines, ...included.flatMap((text) => text.split('\n'))])
    expect(gateProgram).toContain(line);
  expect(gateProgram).not.toMatch(/^# include /m);
});

test('the generated module exports any text as it is', async () => {
  const text = 'print("`${a}` \\n \\\\ $x $")\n\ttab é\n';
  const module = makeGateModule(text);
  const { gateProgram: exported } = (await import(
    `data:text/javascript,${encodeURIComponent(module)}`
  )) as { gateProgram: string };
  expect(exported).toBe(text);
});
