import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  makeRevivedEntry,
  makeTombstoneEntry,
  makeVersionEntry,
  type Recording,
} from '../../src/decisions/entries.js';
import type { Entry } from '../../src/model/entry.js';
import { tombstoneEntry } from '../decisions/entries.js';
import { openSite, photo, photos, type Site } from './site.js';

let site: Site;
beforeAll(async () => {
  site = await openSite([]);
});
afterAll(async () => {
  await site.close();
});

const sure: Recording = { mayLack: () => false };
const unsure: Recording = { mayLack: () => true };
const now = new Date();

function capture(before: Entry | undefined, me: string, recording?: Recording): Entry {
  const version = `v${String((before?.toRecord?.length ?? 0) + (before?.superseded.length ?? 0))}`;
  return makeVersionEntry(
    before,
    { size: 1 + (before?.superseded.length ?? 0), mtime: 1, nanos: 0, stamp: 's' },
    { path: before?.path ?? photo('a.jpg'), me, wantedBy: [], version, now, recording },
  );
}
const remove = (before: Entry, me: string, recording?: Recording): Entry =>
  makeTombstoneEntry(before, { path: before.path, me, wantedBy: [], version: 't', now, recording });
const listToRecord = ({ toRecord }: Entry): string[] =>
  toRecord?.map(({ version, by }) => `${version} by ${by}`) ?? [];

test('a version that is replaced before its record stays to be recorded by its host', () => {
  const first = capture(undefined, 'A', sure);
  expect(listToRecord(first)).toEqual([]);
  // Host B keeps no history.
  const second = capture(first, 'B');
  expect(listToRecord(second)).toEqual(['v0 by A']);
  expect(second.unrecorded).toBe(undefined);
  expect(second.toRecord?.[0]?.info).toEqual({ size: 1, mtime: 1, nanos: 0 });
  const { unrecorded: _, ...recorded } = capture(second, 'A', sure);
  expect(listToRecord(capture(recorded, 'A', sure))).toEqual(['v0 by A']);
});

test('a host records a version that it replaces, if the history may lack it', () => {
  const { unrecorded: _, ...recorded } = capture(undefined, 'A', sure);
  expect(listToRecord(capture(recorded, 'B', sure))).toEqual([]);
  expect(listToRecord(capture(recorded, 'B', unsure))).toEqual(['v0 by B']);
  expect(listToRecord(remove(recorded, 'B', unsure))).toEqual(['v0 by B']);
});

test('removals and revived files are recorded like saves', () => {
  const removed = remove(capture(undefined, 'A', sure), 'A', sure);
  expect(listToRecord(removed)).toEqual(['v0 by A']);
  expect(removed.unrecorded).toBe(true);
  const write = { path: removed.path, me: 'A', wantedBy: [], version: 'r', now, recording: sure };
  const revived = makeRevivedEntry(removed, write);
  expect(revived?.unrecorded).toBe(true);
  expect(listToRecord(revived!)).toEqual(['v0 by A', 't by A']);
});

test('an entry remembers a hundred versions to record', () => {
  let entry = capture(undefined, 'A', sure);
  for (let count = 0; count < 150; count++) entry = capture(entry, 'A', sure);
  expect(entry.toRecord).toHaveLength(100);
});

test('the ledger finds, counts and clears what each host has to record', async () => {
  const { ledger } = site;
  const path = photo('counted.jpg');
  const first = { ...capture(undefined, 'A', sure), path };
  await ledger.insert(first);
  const second = { ...capture(first, 'B', sure), path, version: 'second' };
  expect(await ledger.replace(first.version, second)).toBe(true);
  expect(await ledger.measures.countUnrecorded()).toEqual(
    new Map([
      ['A', 1],
      ['B', 1],
    ]),
  );
  for (const host of ['A', 'B']) {
    expect(await ledger.countUnrecorded(host, 10)).toBe(1);
    expect(await ledger.findUnrecorded([host], 10, undefined)).toHaveLength(1);
  }
  await ledger.markRecorded([{ path, version: first.version }]);
  expect(await ledger.countUnrecorded('A', 10)).toBe(0);
  expect(await ledger.countUnrecorded('B', 10)).toBe(1);
  await ledger.markRecorded([{ path, version: 'second' }]);
  expect(await ledger.measures.countUnrecorded()).toEqual(new Map());
});

test('an old tombstone waits for its record, but not for longer than a history keeps it', async () => {
  const { ledger } = site;
  const path = photo('removed.jpg');
  await ledger.insert(
    tombstoneEntry({ path, capturedAt: new Date('2026-01-01'), unrecorded: true }),
  );
  const later = new Date('2026-02-01');
  await ledger.forgetTombstones(photos.path, later, new Date('2025-12-01'));
  expect(await ledger.read(path)).toBeDefined();
  await ledger.forgetTombstones(photos.path, later, later);
  expect(await ledger.read(path)).toBe(undefined);
});
