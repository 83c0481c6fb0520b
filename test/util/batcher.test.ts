import { expect, test } from 'vitest';
import { Batcher, type BatchResult } from '../../src/util/batcher.js';

/** The calls, and a way to answer them. */
function makeCalls(limits: { items: number; calls: number }): {
  batcher: Batcher<string, string>;
  calls: string[][];
  answer(index: number, came: BatchResult<string>[] | Error): void;
} {
  const calls: string[][] = [],
    answers: ((came: BatchResult<string>[] | Error) => void)[] = [];
  const batcher = new Batcher<string, string>(
    (items) =>
      new Promise((resolve, reject) => {
        calls.push([...items]);
        answers.push((came) => {
          if (came instanceof Error) reject(came);
          else resolve(came);
        });
      }),
    limits,
  );
  return { batcher, calls, answer: (index, came) => answers[index]?.(came) };
}
const nextTick = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

test('a single call goes at once, and calls that come meanwhile go together', async () => {
  const { batcher, calls, answer } = makeCalls({ items: 2, calls: 1 });
  const asked = ['a', 'b', 'c', 'd'].map((item) => batcher.add(item));
  expect(calls).toEqual([['a']]);
  answer(0, [{ result: 'A' }]);
  expect(await asked[0]).toBe('A');
  await nextTick();
  expect(calls).toEqual([['a'], ['b', 'c']]);
  answer(1, [{ result: 'B' }, { error: new Error('c is refused') }]);
  expect(await asked[1]).toBe('B');
  await expect(asked[2]).rejects.toThrow('c is refused');
  await nextTick();
  answer(2, new Error('away'));
  await expect(asked[3]).rejects.toThrow('away');
});

test('who adds an item is told once the call that carries it out was made', async () => {
  const { batcher, calls, answer } = makeCalls({ items: 9, calls: 1 });
  const began: string[] = [];
  const asked = ['a', 'b'].map((item) =>
    batcher.add(item, () => {
      expect(calls.flat()).toContain(item);
      began.push(item);
    }),
  );
  expect(began).toEqual(['a']);
  answer(0, [{ result: 'A' }]);
  await asked[0];
  await nextTick();
  expect(began).toEqual(['a', 'b']);
  answer(1, [{ result: 'B' }]);
  await asked[1];
});

test('an item that is not answered is an error, and keeps nothing waiting', async () => {
  const { batcher, answer } = makeCalls({ items: 9, calls: 1 });
  const asked = batcher.add('a');
  answer(0, []);
  await expect(asked).rejects.toThrow('it was not answered');
});
