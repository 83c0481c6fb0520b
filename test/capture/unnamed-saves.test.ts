import { afterEach, expect, test, vi } from 'vitest';
import { UnnamedSaveCounter } from '../../src/capture/unnamed-saves.js';
import type { UnnamedSaves } from '../../src/model/host.js';

afterEach(() => {
  vi.useRealTimers();
});

test('saves are counted by model and stored together; counts that could not be stored go with the next', async () => {
  vi.useFakeTimers();
  const stored: Record<string, number>[] = [];
  let fails = true;
  const failures: unknown[] = [];
  const counter = new UnnamedSaveCounter(
    (counts: ReadonlyMap<string, UnnamedSaves>) => {
      if (fails) return Promise.reject(new Error('away'));
      stored.push(Object.fromEntries([...counts].map(([model, { count }]) => [model, count])));
      return Promise.resolve();
    },
    (error) => failures.push(error),
  );
  counter.add({ model: 'Photo', id: '1' });
  counter.add({ model: 'Photo', id: '2' });
  await vi.advanceTimersByTimeAsync(10_000);
  expect([stored.length, failures.length]).toEqual([0, 1]);
  fails = false;
  counter.add({ model: 'Film', id: '3' });
  counter.add({ model: 'Photo', id: '4' });
  await counter.close();
  expect(stored).toEqual([{ Photo: 3, Film: 1 }]);
});
