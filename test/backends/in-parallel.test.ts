import { expect, test } from 'vitest';
import { inParallel } from '../../src/backends/in-parallel.js';

async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of all) found.push(one);
  return found;
}

test('gives each result once, as it comes, with no more at once than allowed', async () => {
  let running = 0, most = 0;
  const finish: (() => void)[] = [];
  const work = async (n: number): Promise<number> => {
    most = Math.max(most, ++running);
    if (n === 0) await new Promise<void>((resolve) => { finish.push(resolve); });
    running--;
    if (n === 4) finish[0]?.();
    return n;
  };
  expect(await collect(inParallel([0, 1, 2, 3, 4, 5], 2, work))).toEqual(expect.arrayContaining([0, 1, 2, 3, 4, 5]));
  expect(most).toBe(2);
  expect(await collect(inParallel([], 2, work))).toEqual([]);
});

test('a throw comes out after what ran beside it has ended, and nothing more is started', async () => {
  const started: number[] = [], ended: number[] = [];
  const work = async (n: number): Promise<number> => {
    started.push(n);
    if (n === 1) throw new Error('one');
    await new Promise((resolve) => setImmediate(resolve));
    ended.push(n);
    return n;
  };
  await expect(collect(inParallel([0, 1, 2, 3], 2, work))).rejects.toThrow('one');
  expect(started).toEqual([0, 1]);
  expect(ended).toEqual([0]);
});
