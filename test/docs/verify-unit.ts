import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../scripts/programs.mjs';
import { makeTestDir } from '../harness/tmp.js';

const run = promisify(execFile);

/** Undefined where it is missing. */
export const systemdAnalyze = await findProgram('systemd-analyze');

/**
 * Returns what systemd-analyze says of a unit, or an empty string. Only the place of Node differs.
 */
export async function verifyUnit(unit: string): Promise<string> {
  const dir = await makeTestDir();
  try {
    const file = join(dir.path, 'app.service');
    await writeFile(file, unit.replace('/usr/bin/node', process.execPath));
    const { stderr } = await run(systemdAnalyze ?? '', ['verify', '--man=no', file]).catch(
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
