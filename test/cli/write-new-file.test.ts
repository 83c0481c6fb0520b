import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeNewFile } from '../../src/cli/write-new-file.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

let dir: TestDir;
beforeEach(async () => {
  dir = await makeTestDir();
});
afterEach(async () => {
  await dir.remove();
});

async function* stream(parts: readonly string[], failure?: Error): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await Promise.resolve(Buffer.from(part));
  if (failure) throw failure;
}

test('a file has all bytes of its content', async () => {
  const file = join(dir.path, 'version.jpg');
  expect(await writeNewFile(file, stream(['one ', 'two']))).toBe(7);
  expect(await readFile(file, 'utf8')).toBe('one two');
});

test('content that turns out to be damaged at its end leaves no file, so the next try is not refused', async () => {
  const file = join(dir.path, 'version.jpg');
  const damaged = new Error('other bytes than recorded');
  await expect(writeNewFile(file, stream(['damaged'], damaged))).rejects.toBe(damaged);
  await expect(writeNewFile(file, stream([], damaged))).rejects.toBe(damaged);
  expect(await readdir(dir.path)).toEqual([]);
  expect(await writeNewFile(file, stream(['whole']))).toBe(5);
});

test('a file that exists is neither written nor removed', async () => {
  const file = join(dir.path, 'mine.jpg');
  await writeFile(file, 'mine');
  await expect(writeNewFile(file, stream(['other']))).rejects.toMatchObject({ code: 'EEXIST' });
  expect(await readFile(file, 'utf8')).toBe('mine');
});
