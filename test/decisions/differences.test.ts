import { describe, expect, test } from 'vitest';
import {
  answerPull,
  answerPush,
  explainTransfer,
  wouldPush,
} from '../../src/decisions/differences.js';
import type { FileInfo } from '../../src/model/file.js';
import type { Path } from '../../src/model/path.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { fileEntry } from './entries.js';

const dir: SyncDir = { path: 'uploads' as Path, exclude: [], conflict: 'newer', onDelete: 'keep' };
const current: FileInfo = { size: 10, mtime: 1_000 },
  old: FileInfo = { size: 9, mtime: 900 },
  fresh: FileInfo = { size: 12, mtime: 2_000 };
const entry = fileEntry({
  heldBy: ['A', 'B'],
  superseded: [{ ...old, version: 'v0', conflicting: false }],
});
const from = { id: 'B', passive: false };
const pull = (me: string, here: FileInfo | undefined) =>
  answerPull({ path: entry.path, there: current, ...(here ? { here } : {}) }, entry, me, from, dir)
    .do;

describe('a pull of the version that the ledger has', () => {
  test('never removes a file that a holder has just written: its own scan is about to capture it', () => {
    expect(pull('A', fresh)).toBe('nothing');
  });

  test.each([
    ['absent', undefined],
    ['old', old],
  ])("fetches it where a holder's file is %s", (_, here) => {
    expect(pull('A', here)).toBe('fetch');
  });

  test.each([
    ['absent', undefined],
    ['old', old],
    ['unknown', fresh],
  ])('fetches it where the file of a pending host is %s', (_, here) => {
    expect(pull('C', here)).toBe('fetch');
  });

  test('leaves alone a file that is there already', () => {
    expect(pull('A', current)).toBe('nothing');
  });
});

describe('a push onto a file that the ledger does not know', () => {
  const older: FileInfo = { size: 12, mtime: 800 },
    ready = new Date();
  const to = { passive: false, status: 'approved', readyAt: ready } as const;
  const push = (host: Parameters<typeof answerPush>[4], there: FileInfo) =>
    answerPush({ path: entry.path, here: current, there }, entry, 'A', dir, host);

  test('leaves it to a host that captures it by itself, whatever the clocks say', () => {
    expect(push(to, older)).toBe('nothing');
    expect(
      wouldPush({ path: entry.path, here: current, there: older }, undefined, 'A', dir, to),
    ).toBe(false);
  });

  test('goes by the conflict rule on a passive host', () => {
    const passive = { ...to, passive: true };
    expect(push(passive, older)).toBe('mark-pending');
    expect(push(passive, fresh)).toBe('nothing');
    expect(
      wouldPush({ path: entry.path, here: current, there: older }, undefined, 'A', dir, passive),
    ).toBe(true);
  });

  test('a file that is missing or old there is pending in any case', () => {
    expect(push(to, old)).toBe('mark-pending');
    expect(answerPush({ path: entry.path, here: current }, entry, 'A', dir, to)).toBe(
      'mark-pending',
    );
  });
});

test('a file would be transferred because its receiver lacks it, has an older version or another file', () => {
  expect(explainTransfer(undefined, current, entry)).toBe('missing');
  expect(explainTransfer(old, current, entry)).toBe('older');
  expect(explainTransfer(fresh, current, entry)).toBe('different');
  expect(explainTransfer(old, current, undefined)).toBe('older');
  expect(explainTransfer(fresh, current, undefined)).toBe('different');
});
