import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Stopwatch } from '../../src/util/stopwatch.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('counts the time in which the process runs, and of a pause no more than a second', () => {
  let now = 5_000;
  const pass = (ms: number): void => {
    now += ms;
    vi.advanceTimersByTime(250);
  };
  const stopwatch = new Stopwatch(() => now);
  for (let i = 0; i < 8; i++) pass(250);
  // Stopped for a day, and continued.
  pass(86_400_000);
  for (let i = 0; i < 4; i++) pass(250);
  now += 100;
  expect(stopwatch.stop()).toBe(8 * 250 + 1_000 + 4 * 250 + 100);
  expect(vi.getTimerCount()).toBe(0);
});
