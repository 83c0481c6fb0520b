import { expect, test } from 'vitest';
import { estimatePace } from '../../src/decisions/pace.js';

const found = { files: 100, bytes: 1_000_000 };

test('the estimate follows the pace between the first and the last mark', () => {
  const marks = [
    { at: 0, files: 0, bytes: 0 },
    { at: 5_000, files: 20, bytes: 100_000 },
    { at: 10_000, files: 50, bytes: 500_000 },
  ];
  expect(estimatePace(marks, found)).toEqual({ bytesPerSecond: 50_000, secondsLeft: 10 });
});

test('many small files count by number, not by their few bytes', () => {
  const marks = [
    { at: 0, files: 0, bytes: 0 },
    { at: 10_000, files: 10, bytes: 900_000 },
  ];
  expect(estimatePace(marks, found)?.secondsLeft).toBe(90);
});

test('there is no estimate before anything was done', () => {
  expect(estimatePace([], found)).toBeUndefined();
  expect(estimatePace([{ at: 0, files: 0, bytes: 0 }], found)).toBeUndefined();
  expect(
    estimatePace(
      [
        { at: 0, files: 7, bytes: 7 },
        { at: 500, files: 7, bytes: 7 },
      ],
      found,
    ),
  ).toBeUndefined();
});

test('more done than was found is no negative time', () => {
  expect(
    estimatePace(
      [
        { at: 0, files: 0, bytes: 0 },
        { at: 1_000, files: 200, bytes: 0 },
      ],
      found,
    ),
  ).toEqual({ bytesPerSecond: 0, secondsLeft: 0 });
});
