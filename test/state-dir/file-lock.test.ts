import { readFile, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withLock } from '../../src/state-dir/file-lock.js';
import { describeThisProcess } from '../../src/state-dir/process-identity.js';
import { compileProgram } from '../harness/compile.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import {
  namespacesAreMissing,
  startAsPidSix,
  startTalker,
  type Talker,
} from '../harness/talker.js';

const program = compileProgram(new URL('../hosts/hold-lock.ts', import.meta.url));
const noNamespaces = await namespacesAreMissing();
let dir: TestDir;
let lock: string;
beforeEach(async () => {
  dir = await makeTestDir();
  lock = join(dir.path, 'lock');
});
const talkers: Talker[] = [];
afterEach(async () => {
  for (const talker of talkers.splice(0)) await talker.kill();
  await dir.remove();
});

const readHeld = (): Promise<string> => withLock(lock, () => readFile(lock, 'utf8'));
const hold = async (make: () => Talker): Promise<Talker> => {
  const talker = make();
  talkers.push(talker);
  await until(() => talker.lines[0], { timeout: 30_000 });
  return talker;
};
/**
 * Touches the lock until `waiting` is over: whoever gets it has not waited until it stood still.
 */
async function withoutStandingStill<T>(waiting: Promise<T>): Promise<T> {
  const touching = setInterval(() => {
    void utimes(lock, new Date(), new Date()).catch(() => undefined);
  }, 100);
  try {
    return await waiting;
  } finally {
    clearInterval(touching);
  }
}

describe('withLock', () => {
  test('lets one in at a time and leaves nothing', async () => {
    let inside = 0;
    const most: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, () =>
        withLock(lock, async () => {
          most.push(++inside);
          await readdir(dir.path);
          inside--;
        }),
      ),
    );
    expect(most).toEqual(Array.from({ length: 20 }, () => 1));
    expect(await readdir(dir.path)).toEqual([]);
  });

  test('is released by a throw', async () => {
    await expect(withLock(lock, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await withLock(lock, () => Promise.resolve('free'))).toBe('free');
  });

  test.skipIf(process.platform !== 'linux')(
    'takes over the lock of a killed process at once',
    async () => {
      const holder = await hold(() => startTalker(program, [lock]));
      await holder.kill();
      const inside = await withoutStandingStill(
        Promise.all(Array.from({ length: 10 }, () => readHeld())),
      );
      expect(new Set(inside).size).toBe(10);
      expect(await readdir(dir.path)).toEqual([]);
    },
    60_000,
  );

  test.skipIf(noNamespaces !== undefined)(
    `takes over at once what a container left that was killed, whose pid it has${noNamespaces ? ` (skipped: ${noNamespaces})` : ''}`,
    async () => {
      const holder = await hold(() => startAsPidSix(program, [lock]));
      await holder.kill();
      // Kernels use the number of a namespace that has ended again; here it is made sure of.
      const left = await readFile(lock, 'utf8');
      expect(left.split(':')[1]).toBe('6');
      await writeFile(
        lock,
        left
          .split(':')
          .map((field, i) =>
            i === 3 ? describeThisProcess().split(':')[3] : i === 1 ? String(process.pid) : field,
          )
          .join(':'),
      );
      expect(await withoutStandingStill(readHeld())).toContain(describeThisProcess());
    },
    60_000,
  );

  test('leaves a lock to its owner for as long as that works', async () => {
    const holder = await hold(() => startTalker(program, [lock]));
    const waiting = readHeld();
    const touched = await until(async () => (await stat(lock)).mtimeMs);
    // Longer than one that stands still is left alone.
    await until(async () => (await stat(lock)).mtimeMs - touched > 9_000, { timeout: 25_000 });
    expect(await readFile(lock, 'utf8')).toBe(holder.lines[0]);
    await holder.kill();
    expect(await waiting).toContain(describeThisProcess());
  }, 60_000);

  test('of another machine, or without a name, is taken over after it stood still, whatever its date', async () => {
    for (const content of ['elsewhere:1:b:c:d:e abc', '']) {
      await writeFile(lock, content);
      await utimes(lock, new Date(0), new Date(0));
      const waiting = readHeld();
      const first = await Promise.race([waiting, readdir(dir.path).then(() => 'still waiting')]);
      expect(first).toBe('still waiting');
      expect(await waiting).toContain(describeThisProcess());
    }
  }, 60_000);

  test('tells an owner that it was taken for dead', async () => {
    await expect(
      withLock(lock, async (checkHeld) => {
        await checkHeld();
        await writeFile(lock, 'another 1 abc');
        await checkHeld();
      }),
    ).rejects.toThrow('was taken over');
    expect(await readFile(lock, 'utf8')).toBe('another 1 abc');
  });
});
