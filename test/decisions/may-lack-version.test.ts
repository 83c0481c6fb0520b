import { expect, test } from 'vitest';
import { mayLackVersion } from '../../src/decisions/may-lack-version.js';
import type { Host } from '../../src/model/host.js';

const now = new Date('2026-11-28T12:00:00Z');
const keepsSince = (since: string): Pick<Host, 'history'> => ({
  history: { adoption: { since: new Date(since), files: 0, bytes: 0 } },
});
const lacks = (capturedAt: string, capturer: Pick<Host, 'history'> | undefined): boolean =>
  mayLackVersion({ capturedAt: new Date(capturedAt) }, capturer, now);

test('a version of today by a host that kept a history then is in it long enough', () => {
  expect(lacks('2026-11-28T00:00:00Z', keepsSince('2026-11-27'))).toBe(false);
});

test('the history may lose a version of an earlier day too soon', () => {
  expect(lacks('2026-11-27T23:59:59Z', keepsSince('2026-01-01'))).toBe(true);
});

test('nobody recorded a version of a host without a history, or from before it kept one', () => {
  expect(lacks('2026-11-28T11:00:00Z', {})).toBe(true);
  expect(lacks('2026-11-28T11:00:00Z', undefined)).toBe(true);
  expect(lacks('2026-11-28T11:00:00Z', keepsSince('2026-11-28T11:30:00Z'))).toBe(true);
});
