import { describe, expect, test } from 'vitest';
import { findFault, mayRepair } from '../../src/decisions/findings.js';
import type { Entry } from '../../src/model/entry.js';
import type { FileInfo } from '../../src/model/file.js';
import type { Path } from '../../src/model/path.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const dir: SyncDir = { path: 'uploads' as Path, exclude: [], conflict: 'newer', onDelete: 'keep' };
const current: FileInfo = { size: 10, mtime: 1_000 },
  other: FileInfo = { size: 11, mtime: 900 },
  newer: FileInfo = { size: 11, mtime: 1_100 };
const held = fileEntry({ heldBy: ['A', 'B'] });
const failure = { code: 'DISK_FULL', message: 'full', retryable: true, scope: 'path' } as const;

describe('a fault on host B', () => {
  test.each<
    [
      what: string,
      entry: Entry | undefined,
      wanted: boolean,
      facts: FileInfo | undefined,
      fault: ReturnType<typeof findFault>,
    ]
  >([
    ['absent, and it should be there', held, true, undefined, 'missing'],
    ['absent, and nobody wants it there', held, false, undefined, undefined],
    ['there, and no entry has it', undefined, true, current, 'extra'],
    [
      'there, and removed by a tombstone',
      tombstoneEntry({ heldBy: ['A', 'B'] }),
      true,
      current,
      'extra',
    ],
    [
      'absent, and removed by a tombstone',
      tombstoneEntry({ heldBy: ['A', 'B'] }),
      true,
      undefined,
      undefined,
    ],
    ['the size and date of the version', held, true, current, 'content decides'],
    ['another size', held, true, other, 'different'],
    ['anything, while the path is pending', fileEntry({ pending: ['B'] }), true, other, undefined],
    [
      'anything, while a removal is pending',
      tombstoneEntry({ pending: ['B'] }),
      true,
      other,
      undefined,
    ],
    [
      'nothing, while the path is blocked there',
      fileEntry({ blocked: [{ host: 'B', failure, since: new Date() }] }),
      true,
      undefined,
      undefined,
    ],
  ])('%s', (_, entry, wanted, facts, fault) => {
    expect(findFault(entry, 'B', wanted, facts)).toBe(fault);
  });
});

describe('a repair', () => {
  const repairs = (there: FileInfo | undefined, entry: Entry = held, passive = false): boolean =>
    mayRepair({ path: entry.path, ...(there ? { there } : {}) }, entry, { id: 'B', passive }, dir);

  test('replaces missing, rotten and old files', () => {
    expect([undefined, current].map((there) => repairs(there))).toEqual([true, true]);
    expect(
      repairs(other, fileEntry({ superseded: [{ ...other, version: 'v0', conflicting: false }] })),
    ).toBe(true);
  });

  test('leaves a possible new version to the host that has it; on a passive host the conflict rule decides', () => {
    expect([repairs(other), repairs(newer)]).toEqual([false, false]);
    expect([repairs(other, held, true), repairs(newer, held, true)]).toEqual([true, false]);
  });

  test('leaves a file with the size and date of the version to a host that can distinguish an edit from rot', () => {
    expect(repairs(current, fileEntry({ stamps: { B: '1 2' } }))).toBe(false);
    expect(repairs(undefined, fileEntry({ stamps: { B: '1 2' } }))).toBe(true);
  });

  test('brings nothing back that a tombstone removed', () => {
    expect(
      [undefined, current, other].map((there) => repairs(there, tombstoneEntry(), true)),
    ).toEqual([false, false, false]);
  });
});
