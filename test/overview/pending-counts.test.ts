import { expect, test } from 'vitest';
import type { PendingMeasure } from '../../src/ledger/measures.js';
import { PendingCounts } from '../../src/overview/pending-counts.js';

const minute = (n: number): Date => new Date(Date.UTC(2026, 0, 1, 0, n));

/** A ledger of which only the counts exist. */
function makeLedger(counts: Record<string, number>) {
  const measured: string[][] = [];
  const files = new Map(Object.entries(counts));
  const oldest = new Map<string, Date>();
  const measure = (host: string): PendingMeasure => ({
    count: files.get(host) ?? 0,
    bytes: (files.get(host) ?? 0) * 10,
    oldest: oldest.get(host) ?? minute(0),
  });
  const waiting = (hosts: readonly string[]): string[] =>
    hosts.filter((host) => (files.get(host) ?? 0) > 0);
  const ledger = {
    measurePending: async (hosts: readonly string[]) => {
      measured.push([...hosts]);
      return new Map(waiting(hosts).map((host) => [host, measure(host)]));
    },
    findOldestPending: async (hosts: readonly string[]) =>
      new Map(waiting(hosts).map((host) => [host, measure(host).oldest])),
  };
  const pending = new PendingCounts();
  const hosts = Object.keys(counts);
  return { files, oldest, measured, read: () => pending.read(ledger, hosts) };
}

test('the first reading counts every host', async () => {
  const { read, measured } = makeLedger({ a: 10_001, b: 10_001, c: 10_001, d: 0 });
  const found = await read();
  expect([...found].map(([host, { count }]) => [host, count])).toEqual([
    ['a', 10_001],
    ['b', 10_001],
    ['c', 10_001],
  ]);
  expect(measured).toEqual([['a', 'b', 'c', 'd']]);
});

test('later ones count long backlogs in turn, and short ones each time', async () => {
  const { read, measured } = makeLedger({ a: 10_001, b: 10_001, c: 10_001, short: 5, none: 0 });
  for (let n = 0; n < 4; n++) await read();
  expect(measured.slice(1).map((hosts) => hosts.sort())).toEqual([
    ['a', 'b', 'short'],
    ['a', 'c', 'short'],
    ['b', 'c', 'short'],
  ]);
});

test('the oldest file is never out of date, nor a host that waits for nothing any more', async () => {
  const { read, files, oldest } = makeLedger({ a: 10_001, b: 10_001, c: 10_001 });
  await read();
  oldest.set('c', minute(7));
  files.set('c', 4);
  expect((await read()).get('c')).toEqual({ count: 10_001, bytes: 100_010, oldest: minute(7) });
  expect((await read()).get('c')).toEqual({ count: 4, bytes: 40, oldest: minute(7) });
  files.set('a', 0);
  expect([...(await read()).keys()].sort()).toEqual(['b', 'c']);
});

test('a host that begins to wait is counted at once', async () => {
  const { read, files } = makeLedger({ a: 10_001, b: 10_001, c: 10_001, new: 0 });
  await read();
  files.set('new', 10_001);
  expect((await read()).get('new')?.count).toBe(10_001);
});
