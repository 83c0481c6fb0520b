import { expect, test } from 'vitest';
import type { LeaderContext } from '../../src/context/leader-context.js';
import { VersionBytes } from '../../src/leader/version-bytes.js';
import { SyncMediaError } from '../../src/model/errors.js';
import type { Path } from '../../src/model/path.js';
import { makePartial } from '../harness/partial.js';

const DAY_MS = 24 * 60 * 60_000;
const { signal } = new AbortController();

/** Searches a version that was replaced so many days ago on a disk that fails so. */
function find(error: Error, days: number): ReturnType<VersionBytes['find']> {
  const bytes = new VersionBytes({
    me: 'A',
    backend: makePartial<LeaderContext['backend']>({}),
    config: { history: { days: 30 } } as LeaderContext['config'],
    disk: makePartial<LeaderContext['disk']>({ openCopy: () => Promise.reject(error) }),
    registry: makePartial<LeaderContext['registry']>({ recipients: () => [] }),
    tuning: makePartial<LeaderContext['tuning']>({}),
  });
  const at = new Date(Date.now() - days * DAY_MS);
  const info = { size: 1, mtime: 1 };
  return bytes.find({ path: 'a.jpg' as Path, version: 'v', at, replacedAt: at, info }, signal);
}

test('a disk that is not mounted, or that fails to read, is searched again', async () => {
  expect(await find(new SyncMediaError('NO_MARKER', 'not mounted'), 1)).toBe('later');
  expect(await find(new Error('EIO: i/o error, read'), 1)).toBe('later');
});

test('a version is lost once no history has to keep it any more', async () => {
  expect(await find(new SyncMediaError('NO_MARKER', 'not mounted'), 31)).toBe('lost');
});
