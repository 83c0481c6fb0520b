import type { Entry } from '../../src/model/entry.js';
import type { Path } from '../../src/model/path.js';

const now = new Date('2026-01-01T00:00:00Z');

/** A file entry of host A, with what a test says of it. */
export function fileEntry(fields: Partial<Entry> = {}): Entry {
  return {
    path: 'uploads/a.jpg' as Path,
    version: 'v1',
    kind: 'file',
    info: { size: 10, mtime: 1_000, nanos: 5, sha256: 'aa' },
    superseded: [],
    origin: 'A',
    capturedBy: 'A',
    heldBy: ['A'],
    pending: [],
    dueAt: now,
    blocked: [],
    capturedAt: now,
    ...fields,
  };
}

export function tombstoneEntry(fields: Partial<Entry> = {}): Entry {
  const { info: _, ...entry } = fileEntry({ kind: 'tombstone', ...fields });
  return entry;
}
