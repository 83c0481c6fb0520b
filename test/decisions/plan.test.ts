import { describe, expect, test } from 'vitest';
import { plan } from '../../src/decisions/plan.js';
import type { Host, Path, SyncDir } from '../../src/model/words.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const dir: SyncDir = { path: 'uploads' as Path, exclude: [], conflict: 'newer', onDelete: 'keep' };
const host = { id: 'B', status: 'approved', syncDirs: [] as Path[] } as unknown as Host;
const entry = fileEntry({ owed: ['B'] });

describe('what a host is owed', () => {
  test('is put or removed there', () => {
    expect(plan(host, [entry, tombstoneEntry()], () => dir).changes).toMatchObject([
      { do: 'put', facts: entry.facts },
      { do: 'remove' },
    ]);
  });

  test('is not wanted any more where its sync dirs were narrowed, or a rule excludes it', () => {
    const narrowed = { ...host, syncDirs: ['other' as Path] };
    expect(plan(narrowed, [entry], () => dir)).toEqual({
      changes: [],
      unwanted: [entry],
      unsendable: [],
    });
    expect(plan(host, [entry], () => 'excluded')).toEqual({
      changes: [],
      unwanted: [entry],
      unsendable: [],
    });
  });

  test('stays owed where it is the sender that does not keep the sync dir any more', () => {
    expect(plan(host, [entry], () => undefined)).toEqual({
      changes: [],
      unwanted: [],
      unsendable: [entry],
    });
  });
});
