import { describe, expect, test } from 'vitest';
import { planDelivery } from '../../src/decisions/plan.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const dir: SyncDir = { path: 'uploads' as Path, exclude: [], conflict: 'newer', onDelete: 'keep' };
const host = { id: 'B', status: 'approved', syncDirs: [] as Path[] } as unknown as Host;
const entry = fileEntry({ pending: ['B'] });

describe('a pending entry of a host', () => {
  test('is put or removed there', () => {
    expect(planDelivery(host, [entry, tombstoneEntry()], () => dir).changes).toMatchObject([
      { do: 'put', info: entry.info },
      { do: 'remove' },
    ]);
  });

  test('is not wanted any more where its sync dirs were narrowed, or a rule excludes it', () => {
    const narrowed = { ...host, syncDirs: ['other' as Path] };
    expect(planDelivery(narrowed, [entry], () => dir)).toEqual({
      changes: [],
      unwanted: [entry],
      unsendable: [],
    });
    expect(planDelivery(host, [entry], () => 'excluded')).toEqual({
      changes: [],
      unwanted: [entry],
      unsendable: [],
    });
  });

  test('stays pending if only the origin no longer keeps the sync dir', () => {
    expect(planDelivery(host, [entry], () => undefined)).toEqual({
      changes: [],
      unwanted: [],
      unsendable: [entry],
    });
  });
});
