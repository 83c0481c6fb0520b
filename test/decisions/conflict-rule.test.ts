import { describe, expect, test } from 'vitest';
import { applyConflictRule } from '../../src/decisions/conflict-rule.js';
import { answerPull, winsOverUnknown } from '../../src/decisions/differences.js';
import { keepsExistingFile } from '../../src/transport/check-remote-dirs.js';
import type { ConflictRule, SyncDir } from '../../src/model/sync-dir.js';
import type { Path } from '../../src/model/path.js';

const [older, newer] = [
  { size: 1, mtime: 100, nanos: 0 },
  { size: 2, mtime: 200, nanos: 0 },
];

test.each<[ConflictRule, string, string]>([
  ['newer', 'incoming', 'existing'],
  ['keep', 'existing', 'existing'],
  ['overwrite', 'incoming', 'incoming'],
])('%s: a newer file that comes in: %s; an older one: %s', (rule, ifNewer, ifOlder) => {
  expect(applyConflictRule(rule, newer, older)).toBe(ifNewer);
  expect(applyConflictRule(rule, older, newer)).toBe(ifOlder);
});

describe('of two files that are equally old', () => {
  const other = { ...older, size: 7 };
  const path = 'uploads/a.jpg' as Path;
  const dir: SyncDir = {
    path: 'uploads' as Path,
    exclude: [],
    conflict: 'newer',
    onDelete: 'keep',
  };

  test("this host's own file wins a push and a pull", () => {
    expect(applyConflictRule('newer', older, other)).toBe('tie');
    expect(winsOverUnknown(dir, older, other)).toBe(true);
    const difference = { path, here: older, there: other };
    const from = { id: 'P', passive: true };
    expect(answerPull(difference, undefined, 'A', from, dir)).toEqual({ do: 'nothing' });
  });

  test('the existing one stays where a transfer meets it', () => {
    const put = { do: 'put', path, dir, version: 'v1', info: older, rule: 'newer' } as const;
    expect(keepsExistingFile(put, other)).toBe(true);
    expect(keepsExistingFile({ ...put, rule: 'overwrite' }, other)).toBe(false);
    // The same size and date: it is taken for the same file.
    expect(keepsExistingFile(put, older)).toBe(false);
  });
});
