import { describe, expect, test } from 'vitest';
import {
  resolveByState,
  resolveReplacedBytes,
  type ReplacedSituation,
} from '../../src/decisions/resolve-replaced.js';
import type { FileState } from '../../src/decisions/file-state.js';
import type { ReplacedBy, Resolution } from '../../src/model/resolution.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const entry = fileEntry({ version: 'v2' });
const found = (fields: Partial<ReplacedSituation>): ReplacedSituation => ({
  entry,
  state: 'superseded',
  by: 'replaced',
  sent: 'v2',
  decidedByRule: false,
  contentCompared: true,
  willBeCaptured: true,
  ...fields,
});

/** The table of docs/design/placing-files.md. */
test.each<[FileState, ReplacedBy, Resolution]>([
  ['superseded', 'replaced', 'trash'],
  ['conflicting', 'replaced', 'conflict'],
  ['unknown', 'replaced', 'put-back'],
  ['current', 'replaced', 'drop'],
  ['superseded', 'removed', 'trash'],
  ['conflicting', 'removed', 'trash'],
  ['unknown', 'removed', 'put-back-if-absent'],
  ['current', 'removed', 'put-back-if-absent'],
  ['superseded', 'leftover', 'trash'],
  ['conflicting', 'leftover', 'conflict'],
  ['unknown', 'leftover', 'put-back-if-absent'],
  ['current', 'leftover', 'put-back-if-absent'],
])('%s bytes, %s: %s', (state, by, resolution) => {
  expect(resolveByState(found({ state, by }))).toBe(resolution);
});

describe('current bytes that were replaced', () => {
  test('are put back where the entry moved on meanwhile', () => {
    expect(resolveByState(found({ state: 'current', sent: 'v1' }))).toBe('put-back');
    expect(resolveByState(found({ state: 'current', sent: undefined }))).toBe('put-back');
  });
  test('are dropped only once their content was compared', () => {
    expect(resolveByState(found({ state: 'current', contentCompared: false }))).toBe('trash');
  });
  test('go to the trash where a conflict rule decided against them', () => {
    expect(resolveByState(found({ state: 'current', sent: 'v1', decidedByRule: true }))).toBe(
      'trash',
    );
  });
});

test('the bytes of the version with another date are as current as with its own: they are no conflict', () => {
  const replaced = {
    entry,
    info: { size: 10, mtime: 7_000, nanos: 0 },
    at: 'B',
    by: 'replaced',
    sent: { version: 'v2', ruled: false },
    captures: false,
  } as const;
  expect(resolveReplacedBytes(replaced)).toBeUndefined();
  expect(resolveReplacedBytes(replaced, { sha256: 'aa' })).toBe('drop');
  expect(resolveReplacedBytes(replaced, { sha256: 'bb' })).toBe('conflict');
  expect(resolveReplacedBytes(replaced, { sha256: undefined })).toBe('conflict');
  expect(
    resolveReplacedBytes({ ...replaced, sent: { version: 'v1', ruled: false } }, { sha256: 'aa' }),
  ).toBe('put-back');
});

describe('unknown bytes that were replaced are conflicts', () => {
  const resolveUnknown = (fields: Partial<ReplacedSituation>): Resolution =>
    resolveByState(found({ state: 'unknown', ...fields }));
  test('where their host is not about to capture them', () => {
    expect(resolveUnknown({ willBeCaptured: false })).toBe('conflict');
  });
  test('where a conflict rule decided against them', () => {
    expect(resolveUnknown({ decidedByRule: true })).toBe('conflict');
  });
  test('under a tombstone, and without an entry', () => {
    expect(resolveUnknown({ entry: tombstoneEntry() })).toBe('conflict');
    expect(resolveUnknown({ entry: undefined })).toBe('conflict');
  });
  test('where they may be a version that the entry has forgotten', () => {
    const superseded = Array.from({ length: 16 }, (_, n) => ({
      size: n,
      mtime: n,
      version: String(n),
      conflicting: false,
    }));
    expect(resolveUnknown({ entry: fileEntry({ superseded }) })).toBe('conflict');
  });
});

test('under a tombstone nothing is lost: the delete meant the file', () => {
  expect(resolveByState(found({ entry: tombstoneEntry(), state: 'conflicting' }))).toBe('trash');
});

test('without an entry nothing is destroyed', () => {
  for (const by of ['replaced', 'removed', 'leftover'] as const) {
    expect(['conflict', 'put-back-if-absent']).toContain(
      resolveByState(found({ entry: undefined, state: 'unknown', by })),
    );
  }
});
