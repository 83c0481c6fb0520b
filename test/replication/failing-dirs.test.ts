import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FailingDirs } from '../../src/replication/failing-dirs.js';
import type { Path } from '../../src/model/path.js';
import { noMarker } from './scripted-backend.js';

const [photos, documents] = ['uploads/photos', 'uploads/documents'] as [Path, Path];
let dirs: FailingDirs;
beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000, toFake: ['Date', 'performance'] });
  dirs = new FailingDirs({ backoffMs: 1_000, backoffMaxMs: 60_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

test('each sync dir waits for its own retry, twice as long after each failure', () => {
  const waitAfterFailure = (): number => {
    dirs.recordFailure(photos, noMarker);
    return dirs.findOldest()!.nextTryAt.getTime() - Date.now();
  };
  // Half of a wait is random.
  for (const full of [1_000, 2_000, 4_000]) {
    const wait = waitAfterFailure();
    expect(wait).toBeGreaterThanOrEqual(full / 2);
    expect(wait).toBeLessThanOrEqual(full);
    expect([dirs.isWaiting(photos), dirs.isWaiting(documents)]).toEqual([true, false]);
    expect(dirs.listWaiting()).toEqual([photos]);
    vi.advanceTimersByTime(full);
    expect(dirs.isWaiting(photos)).toBe(false);
    expect(dirs.listWaiting()).toEqual([]);
  }
});

test('the one that has failed longest is found, by its first failure', () => {
  dirs.recordFailure(photos, noMarker);
  vi.advanceTimersByTime(100);
  dirs.recordFailure(documents, noMarker);
  vi.advanceTimersByTime(100);
  const again = { ...noMarker, message: 'again' };
  dirs.recordFailure(photos, again);
  expect(dirs.findOldest()).toMatchObject({ failure: again, since: new Date(1_000_000) });
  expect(dirs.clear(photos)).toBe(true);
  expect(dirs.clear(photos)).toBe(false);
  expect(dirs.findOldest()).toMatchObject({ since: new Date(1_000_100) });
});

test('a requested retry makes them due, and they still count as failing', () => {
  dirs.recordFailure(photos, noMarker);
  dirs.retryNow();
  expect(dirs.isWaiting(photos)).toBe(false);
  expect(dirs.findOldest()).toMatchObject({ failure: noMarker });
});
