import { expect, test } from 'vitest';
import { hasScanned } from '../../src/api/has-scanned.js';
import type { Failure } from '../../src/model/failure.js';
import { makeRun } from '../admin/recording-instance.js';

const now = new Date('2026-11-28T12:00:00Z');
const failure: Failure = {
  code: 'HOST_UNREACHABLE',
  message: 'no route',
  scope: 'host',
  retryable: true,
};

test.each([
  [{ state: 'running' as const, scannedAt: now }, true],
  [{ state: 'failed' as const, scannedAt: now }, true],
  [{ state: 'requested' as const }, false],
  [{ state: 'running' as const }, false],
  [{ state: 'cancelled' as const }, false],
  // Of an older version.
  [{ state: 'done' as const }, true],
  [{ state: 'failed' as const, failures: [{ host: 'other', failure }] }, true],
  [{ state: 'failed' as const, failures: [] }, false],
])('whether a push has scanned: %j', (run, expected) => {
  expect(hasScanned(makeRun({ kind: 'push', failures: [], ...run }))).toBe(expected);
});
