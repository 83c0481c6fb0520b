import { describe, expect, test } from 'vitest';
import { computeBackoff, computeBlockedRetry } from '../../src/decisions/backoff.js';

describe('the wait of a failing host', () => {
  test('doubles with each failure up to the longest, and half of it is random', () => {
    const waits = (random: number): number[] =>
      [1, 2, 3, 4, 100].map((failures) => computeBackoff(failures, 1_000, 6_000, random));
    expect(waits(0)).toEqual([500, 1_000, 2_000, 3_000, 3_000]);
    expect(waits(0.5)).toEqual([750, 1_500, 3_000, 4_500, 4_500]);
  });
});

describe('the retry of a blocked path', () => {
  const now = new Date('2026-01-01T12:00:00Z');
  const minutesUntilRetry = (minutesBlocked: number): number =>
    (computeBlockedRetry(
      new Date(now.getTime() - minutesBlocked * 60_000),
      now,
      30_000,
      60 * 60_000,
    ).getTime() -
      now.getTime()) /
    60_000;

  test('comes after as long as it has been blocked, between the shortest and the longest wait', () => {
    expect([0, 0.1, 5, 30, 600].map(minutesUntilRetry)).toEqual([0.5, 0.5, 5, 30, 60]);
  });

  test('comes after the shortest wait if the clock was set back since', () => {
    expect(minutesUntilRetry(-600)).toBe(0.5);
  });
});
