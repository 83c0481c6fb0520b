import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { mongo } from 'mongoose';
import { Ledger } from '../../src/ledger/ledger.js';
import type { LedgerRow } from '../../src/ledger/filters.js';
import { countLimit, pendingIndex } from '../../src/ledger/measures.js';
import type { Entry } from '../../src/model/entry.js';
import { getNativeCollection } from '../../src/util/collections.js';
import { fileEntry } from '../decisions/entries.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makeRowReader } from '../harness/row-reader.js';

let database: TestDatabase, rows: mongo.Collection<LedgerRow>, ledger: Ledger;
beforeAll(async () => {
  database = await testDatabase();
  rows = getNativeCollection<LedgerRow>(database.connection, 'ledger');
  ledger = new Ledger(() => rows, makeRowReader(database.connection));
  await ledger.ensureIndexes();
});
afterAll(() => database.close());
beforeEach(() => rows.deleteMany({}));

async function insert(
  entries: readonly (Omit<Partial<Entry>, 'path'> & { path: string })[],
): Promise<void> {
  await rows.insertMany(
    entries.map((entry) => {
      const { path, ...row } = fileEntry(entry as Partial<Entry>);
      return { _id: path, ...row };
    }),
  );
}

interface ExecutionStats {
  executionStats: { totalDocsExamined: number };
}

test('what hosts wait for is measured from an index alone, without reading entries', async () => {
  await insert(
    Array.from({ length: 100 }, (_, i) => ({
      path: `uploads/${String(i)}.jpg`,
      pending: i < 40 ? ['B', 'C'] : ['B'],
    })),
  );
  // More hosts than one query measures.
  const others = Array.from({ length: 60 }, (_, i) => `host-${String(i)}`);
  const measured = await ledger.measures.measurePending(['A', 'B', ...others, 'C']);
  expect([...measured].map(([host, { count, bytes }]) => [host, count, bytes])).toEqual(
    expect.arrayContaining([
      ['B', 100, 1_000],
      ['C', 40, 400],
    ]),
  );
  expect(measured.has('A')).toBe(false);
  const plan = (await rows
    .find({ pending: 'B' }, { projection: { _id: 0, capturedAt: 1, 'info.size': 1 } })
    .explain('executionStats')) as unknown as ExecutionStats;
  expect(plan.executionStats.totalDocsExamined).toBe(0);
});

test('versions that are not recorded are counted by the host that captured them', async () => {
  const { path: _, ...row } = fileEntry();
  await rows.insertMany(
    ['A', 'A', 'B', 'C'].map((capturedBy, i) => ({
      ...row,
      _id: `uploads/${String(i)}`,
      capturedBy,
      ...(capturedBy === 'C' ? {} : { unrecorded: true }),
    })),
  );
  expect(await ledger.measures.countUnrecorded()).toEqual(
    new Map([
      ['A', 2],
      ['B', 1],
    ]),
  );
});

test('counts stop one beyond the limit', async () => {
  const entry = fileEntry();
  const { path: _, ...row } = entry;
  await rows.insertMany(
    Array.from({ length: countLimit + 5 }, (_, i) => ({
      ...row,
      _id: `uploads/${String(i)}`,
      pending: ['B'],
      heldBy: [],
    })),
  );
  expect((await ledger.measures.measurePending(['B'])).get('B')?.count).toBe(countLimit + 1);
  expect(await ledger.measures.countMissing()).toBe(countLimit + 1);
  expect(await ledger.measures.estimateEntries()).toBe(countLimit + 5);
});

test('only files that no host holds are missing', async () => {
  await insert([
    { path: 'a', heldBy: [] },
    { path: 'b', heldBy: ['A'] },
    { path: 'c', heldBy: [], kind: 'tombstone' },
  ]);
  expect(await ledger.measures.countMissing()).toBe(1);
  const plan = (await rows
    .find({ kind: 'file', heldBy: [] } as mongo.Filter<LedgerRow>, {})
    .explain('executionStats')) as unknown as ExecutionStats;
  expect(plan.executionStats.totalDocsExamined).toBe(1);
});

test('blocked files are grouped by host and code, and those that are retried are counted', async () => {
  const failure = {
    code: 'DISK_FULL' as const,
    message: 'full',
    retryable: true,
    scope: 'path' as const,
  };
  const since = new Date('2026-01-01T00:00:00Z');
  await insert([
    { path: 'a', blocked: [{ host: 'B', failure, since, retryAt: new Date() }] },
    { path: 'b', blocked: [{ host: 'B', failure, since: new Date() }], pending: ['B'] },
    { path: 'c', blocked: [{ host: 'B', failure, since: new Date() }] },
    { path: 'd', blocked: [{ host: 'X', failure, since }] },
  ]);
  expect(await ledger.measures.measureBlocked(['B', 'C'])).toMatchObject([
    { host: 'B', code: 'DISK_FULL', files: 3, retried: 2, message: 'full', since },
  ]);
});

test('the index of an earlier version is dropped once its successor is there', async () => {
  await rows.createIndex({ pending: 1, capturedAt: 1 }, { name: 'pending' });
  await Promise.all([ledger.ensureIndexes(), ledger.ensureIndexes()]);
  const names = (await rows.indexes()).map(({ name }) => name);
  expect(names).toContain(pendingIndex.name);
  expect(names).not.toContain('pending');
});

test('a row with arrays where none belong keeps no host from starting', async () => {
  await rows.dropIndex(pendingIndex.name);
  await rows.insertOne({ _id: 'x', pending: ['B'], info: [1] } as never);
  await ledger.ensureIndexes();
  expect((await ledger.measures.measurePending(['B'])).get('B')?.count).toBe(1);
  await rows.deleteMany({});
  await ledger.ensureIndexes();
  const names = (await rows.indexes()).map(({ name }) => name);
  expect(names).toContain(pendingIndex.name);
  expect(names).not.toContain('pending');
});
