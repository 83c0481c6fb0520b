import { expect, test } from 'vitest';
import type { PathLookup } from '../../src/context/look-up.js';
import { LookUpBatcher } from '../../src/serving/look-up-batcher.js';
import type { Path } from '../../src/model/path.js';

const path = (name: string): Path => name as Path;

/** Look-ups whose calls of the database are answered by the test. */
function makeLookUps(limits: { lookUpBatch: number; lookUpQueue: number }): {
  lookUps: LookUpBatcher;
  calls: Path[][];
  answer(call: number, versions?: Record<string, string>): void;
} {
  const calls: Path[][] = [],
    answers: ((knownOf: (path: Path) => PathLookup) => void)[] = [];
  const lookUps = new LookUpBatcher(
    (paths) =>
      new Promise((resolve) => {
        calls.push([...paths]);
        answers.push(resolve);
      }),
    limits,
  );
  return {
    lookUps,
    calls,
    answer: (call, versions = {}) =>
      answers[call]?.((asked) => ({
        captured: [],
        entry: versions[asked] ? ({ version: versions[asked] } as PathLookup['entry']) : undefined,
      })),
  };
}
const nextTick = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

test('an answer is never older than its question: the file may have been uploaded in between', async () => {
  const { lookUps, calls, answer } = makeLookUps({ lookUpBatch: 10, lookUpQueue: 10 });
  const before = lookUps.lookUp(path('a'));
  const after = lookUps.lookUp(path('a'));
  answer(0);
  expect((await before)?.entry).toBeUndefined();
  answer(1, { a: 'v1' });
  expect((await after)?.entry?.version).toBe('v1');
  expect(calls).toEqual([['a'], ['a']]);
});

test('questions that come while two calls are under way go together in the next, each path once', async () => {
  const { lookUps, calls, answer } = makeLookUps({ lookUpBatch: 3, lookUpQueue: 100 });
  const asked = ['a', 'b', 'c', 'c', 'd', 'e'].map((name) => lookUps.lookUp(path(name)));
  answer(0);
  answer(1);
  await nextTick();
  expect(calls).toEqual([['a'], ['b'], ['c', 'd'], ['e']]);
  answer(2, { c: 'v1', d: 'v2' });
  answer(3);
  expect((await Promise.all(asked)).map((known) => known?.entry?.version)).toEqual([
    undefined,
    undefined,
    'v1',
    'v1',
    'v2',
    undefined,
  ]);
});

test('questions beyond the limit are refused at once, and answered ones make room', async () => {
  const { lookUps, answer } = makeLookUps({ lookUpBatch: 10, lookUpQueue: 1 });
  const first = lookUps.lookUp(path('a'));
  expect(await lookUps.lookUp(path('b'))).toBeUndefined();
  answer(0, { a: 'v1' });
  expect((await first)?.entry?.version).toBe('v1');
  const next = lookUps.lookUp(path('b'));
  await nextTick();
  answer(1, { b: 'v2' });
  expect((await next)?.entry?.version).toBe('v2');
});
