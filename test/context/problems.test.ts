import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Problems } from '../../src/context/problems.js';

let lines: string[], problems: Problems;
beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  const say = (line: string): void => {
    lines.push(line);
  };
  problems = new Problems({ info: say, warn: say, error: say });
});
afterEach(() => {
  vi.useRealTimers();
});

const problem = (about: string) => ({ about, message: `${about} is wrong`, remedy: 'mend it' });

test('problems of a start are collected, and later ones logged', () => {
  problems.collect();
  problems.report(problem('a'));
  problems.report(problem('a'));
  expect(problems.take()).toEqual([problem('a')]);
  problems.report(problem('b'));
  expect(lines).toEqual(['b is wrong. Remedy: mend it']);
  expect(vi.getTimerCount()).toBe(0);
});

test('a start that takes long, as without a database, withholds no problem', () => {
  problems.collect();
  problems.report(problem('a'));
  vi.runAllTimers();
  problems.report(problem('b'));
  expect(lines).toEqual(['a is wrong. Remedy: mend it', 'b is wrong. Remedy: mend it']);
  expect(problems.take()).toEqual([]);
});
