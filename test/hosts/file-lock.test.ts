import { execFile } from 'node:child_process';
import { readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withLock } from '../../src/hosts/file-lock.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const run = promisify(execFile);
let dir: TestDir;
let lock: string;
beforeEach(async () => {
  dir = await makeTestDir();
  lock = join(dir.path, 'lock');
});
afterEach(() => dir.remove());

const readHeld = (): Promise<string> => withLock(lock, () => readFile(lock, 'utf8'));
const gone = async (): Promise<number> => Number((await run(process.execPath, ['-e', 'process.stdout.write(String(process.pid))'])).stdout);

describe('withLock', () => {
  test('lets one in at a time and leaves nothing', async () => {
    let inside = 0;
    const most: number[] = [];
    await Promise.all(Array.from({ length: 20 }, () => withLock(lock, async () => {
      most.push(++inside);
      await readdir(dir.path);
      inside--;
    })));
    expect(most).toEqual(Array.from({ length: 20 }, () => 1));
    expect(await readdir(dir.path)).toEqual([]);
  });

  test('is released by a throw', async () => {
    await expect(withLock(lock, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await withLock(lock, () => Promise.resolve('free'))).toBe('free');
  });

  test('takes over what a process left that is gone', async () => {
    const [place] = (await readHeld()).split(' ');
    await writeFile(lock, `${String(place)} ${String(await gone())} abc`);
    const inside = await Promise.all(Array.from({ length: 10 }, () => readHeld()));
    expect(new Set(inside).size).toBe(10);
    expect(await readdir(dir.path)).toEqual([]);
  });

  test('of another machine, and one without a name, is taken over by age alone', async () => {
    for (const content of [`elsewhere ${String(await gone())} abc`, '']) {
      await writeFile(lock, content);
      const waiting = readHeld();
      const first = await Promise.race([waiting, readdir(dir.path).then(() => 'still waiting')]);
      expect(first).toBe('still waiting');
      await utimes(lock, new Date(0), new Date(0));
      expect(await waiting).toContain(` ${String(process.pid)} `);
    }
  });

  test('tells a holder that it was held for dead', async () => {
    await expect(withLock(lock, async (checkHeld) => {
      await checkHeld();
      await writeFile(lock, 'another 1 abc');
      await checkHeld();
    })).rejects.toThrow('was taken over');
    expect(await readFile(lock, 'utf8')).toBe('another 1 abc');
  });
});
