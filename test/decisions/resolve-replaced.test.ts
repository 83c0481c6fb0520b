import { describe, expect, test } from 'vitest';
import { judge, judgeAside, type Found } from '../../src/decisions/resolve-replaced.js';
import type { FoundStanding } from '../../src/decisions/file-state.js';
import type { AsideBy, Verdict } from '../../src/model/words.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const entry = fileEntry({ version: 'v2' });
const found = (fields: Partial<Found>): Found => ({
  entry,
  standing: 'old',
  by: 'replaced',
  sent: 'v2',
  ruled: false,
  contentCompared: true,
  isNews: true,
  ...fields,
});

/** The table of ARCHITECTURE.md, "Landing". */
test.each<[FoundStanding, AsideBy, Verdict]>([
  ['old', 'replaced', 'trash'],
  ['lost', 'replaced', 'conflict'],
  ['unknown', 'replaced', 'put-back'],
  ['current', 'replaced', 'drop'],
  ['old', 'removed', 'trash'],
  ['lost', 'removed', 'trash'],
  ['unknown', 'removed', 'return'],
  ['current', 'removed', 'return'],
  ['old', 'leftover', 'trash'],
  ['lost', 'leftover', 'conflict'],
  ['unknown', 'leftover', 'return'],
  ['current', 'leftover', 'return'],
])('%s bytes, %s: %s', (standing, by, verdict) => {
  expect(judge(found({ standing, by }))).toBe(verdict);
});

describe('current bytes that were replaced', () => {
  test('are put back where the entry moved on meanwhile', () => {
    expect(judge(found({ standing: 'current', sent: 'v1' }))).toBe('put-back');
    expect(judge(found({ standing: 'current', sent: undefined }))).toBe('put-back');
  });
  test('are dropped only once their content was compared', () => {
    expect(judge(found({ standing: 'current', contentCompared: false }))).toBe('trash');
  });
  test('go to the trash where a conflict rule decided against them', () => {
    expect(judge(found({ standing: 'current', sent: 'v1', ruled: true }))).toBe('trash');
  });
});

test(
  'the bytes of the version with another date are as current as with its own: they are no ' +
    'conflict',
  () => {
    const aside = {
      entry,
      found: { size: 10, mtime: 7_000, nanos: 0 },
      at: 'B',
      by: 'replaced',
      sent: { version: 'v2', ruled: false },
      captures: false,
    } as const;
    expect(judgeAside(aside)).toBeUndefined();
    expect(judgeAside(aside, { sha256: 'aa' })).toBe('drop');
    expect(judgeAside(aside, { sha256: 'bb' })).toBe('conflict');
    expect(judgeAside(aside, { sha256: undefined })).toBe('conflict');
    expect(judgeAside({ ...aside, sent: { version: 'v1', ruled: false } }, { sha256: 'aa' })).toBe(
      'put-back',
    );
  },
);

describe('unknown bytes that were replaced are conflicts', () => {
  const judgeUnknown = (fields: Partial<Found>): Verdict =>
    judge(found({ standing: 'unknown', ...fields }));
  test('where their host is not about to capture them', () => {
    expect(judgeUnknown({ isNews: false })).toBe('conflict');
  });
  test('where a conflict rule decided against them', () => {
    expect(judgeUnknown({ ruled: true })).toBe('conflict');
  });
  test('under a tombstone, and without an entry', () => {
    expect(judgeUnknown({ entry: tombstoneEntry() })).toBe('conflict');
    expect(judgeUnknown({ entry: undefined })).toBe('conflict');
  });
  test('where they may be a version that the entry has forgotten', () => {
    const superseded = Array.from({ length: 16 }, (_, n) => ({
      size: n,
      mtime: n,
      version: String(n),
      lost: false,
    }));
    expect(judgeUnknown({ entry: fileEntry({ superseded }) })).toBe('conflict');
  });
});

test('under a tombstone nothing is lost: the delete meant the file', () => {
  expect(judge(found({ entry: tombstoneEntry(), standing: 'lost' }))).toBe('trash');
});

test('without an entry nothing is destroyed', () => {
  for (const by of ['replaced', 'removed', 'leftover'] as const) {
    expect(['conflict', 'return']).toContain(
      judge(found({ entry: undefined, standing: 'unknown', by })),
    );
  }
});
