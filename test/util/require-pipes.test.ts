import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compileProgram } from '../harness/compile.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const run = promisify(execFile);
const program = compileProgram(new URL('./full-process.ts', import.meta.url));

let dir: TestDir;
beforeEach(async () => {
  dir = await makeTestDir();
});
afterEach(() => dir.remove());

test('a program that finds no descriptors for its pipes fails, and this process goes on', async () => {
  const { stdout } = await run('sh', [
    '-c',
    'ulimit -n 128 && exec "$@"',
    'sh',
    process.execPath,
    program,
    `${dir.path}/history`,
  ]);
  const outcomes = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  expect(outcomes).toEqual([
    ['rsync', 'TRANSFER_FAILED'],
    ['git', 'TRANSFER_FAILED'],
    ['git of a push', 'abort'],
    ['ssh', 'TRANSFER_FAILED'],
    ['reload command', expect.stringContaining('true could not be started: too many files')],
  ]);
});
