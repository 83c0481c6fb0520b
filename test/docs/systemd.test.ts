import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { findProgram } from '../../scripts/programs.mjs';
import { makeTestDir } from '../harness/tmp.js';
import { listCodeBlocks, listUserPages } from './pages.js';

const run = promisify(execFile);
const program = await findProgram('systemd-analyze');
const blocks = listUserPages().flatMap(listCodeBlocks);
const units = blocks.filter(({ language }) => language === 'ini');

/** Returns what systemd-analyze says of a unit, or an empty string. */
async function verifyUnit(unit: string): Promise<string> {
  const dir = await makeTestDir();
  try {
    const file = join(dir.path, 'app.service');
    await writeFile(file, unit);
    const { stderr } = await run(program ?? '', ['verify', '--man=no', file]).catch(
      (error: unknown) => error as { stderr: string },
    );
    return stderr
      .split('\n')
      .filter((line) => line.includes('app.service'))
      .join('\n');
  } finally {
    await dir.remove();
  }
}

test.skipIf(program === undefined)(
  'systemd accepts the unit of the page on processes' +
    (program === undefined ? ' (skipped: systemd-analyze is missing)' : ''),
  async () => {
    expect(units).toHaveLength(1);
    // Only the place of Node differs.
    const unit = units[0]?.code.replace('/usr/bin/node', process.execPath) ?? '';
    expect(await verifyUnit(unit)).toBe('');
    const faulty = unit.replace('Restart=always', 'Restart=sometimes');
    expect(await verifyUnit(faulty)).toContain('sometimes');
  },
);

test('every code block is in a language that a test runs or checks, or an output', () => {
  const languages = new Set(blocks.map(({ language }) => language));
  expect([...languages].sort()).toEqual(['ini', 'js', 'nginx', 'sh', 'text', 'ts']);
});
