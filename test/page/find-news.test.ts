import { describe, expect, test } from 'vitest';
import { findNews } from '../../src/page/find-news.js';
import { makeOverview, runSummaries, toWire } from './fake-data.js';

const before = toWire(makeOverview());

describe('what is said to readers of the screen', () => {
  test('is a new headline', () => {
    expect(findNews(before, { ...before, headline: 'new' })).toBe('new');
  });

  test('is the end of a run, and its state', () => {
    const runs = toWire(runSummaries).map((run) => ({ ...run, state: 'done' as const }));
    expect(findNews(before, { ...before, runs, headline: 'new' })).toBe('Pull on web6: done');
  });

  test('is nothing while only ages and progress change', () => {
    const runs = before.runs.map((run) => ({ ...run, files: run.files + 1 }));
    expect(findNews(before, { ...before, runs })).toBeUndefined();
  });
});
