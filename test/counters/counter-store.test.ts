import type { mongo } from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeMinuteId, type CounterRow, type TotalsRow } from '../../src/counters/counter-row.js';
import { CounterStore, type CounterBatch } from '../../src/counters/counter-store.js';
import { getNativeCollection } from '../../src/util/collections.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makeRowReader } from '../harness/row-reader.js';

let database: TestDatabase, rows: mongo.Collection<CounterRow>, store: CounterStore;
beforeAll(async () => {
  database = await testDatabase();
  rows = getNativeCollection<CounterRow>(database.connection, 'counters');
  store = new CounterStore(() => rows, makeRowReader(database.connection));
});
afterAll(() => database.close());
beforeEach(() => rows.deleteMany({}));

const now = new Date('2026-11-28T14:31:30Z');
const minutesAgo = (minutes: number): Date => new Date(now.getTime() - minutes * 60_000);
const one = { host: 'h1', process: 'p1' };
const delivered = (number: number, count: number, at = now, to = 'h2'): CounterBatch => ({
  number,
  at,
  fields: new Map([[`to.${to}.deliveries.express.delivered`, count]]),
  delivered: new Map([[to, count]]),
});
async function readDelivered(to = 'h2'): Promise<number> {
  const totals = await store.readTotals();
  return totals.reduce(
    (sum, row) => sum + (row.to?.[to]?.deliveries?.['express']?.['delivered'] ?? 0),
    0,
  );
}
const readBars = async (to = 'h2'): Promise<number[] | undefined> =>
  (await store.readDeliveries(now)).get(to);

describe('the store of counters', () => {
  test('adds up the batches of all processes of all hosts', async () => {
    await store.add(one, delivered(1, 2));
    await store.add(one, delivered(2, 3));
    await store.add({ host: 'h1', process: 'p2' }, delivered(1, 5));
    await store.add({ host: 'h3', process: 'p3' }, delivered(1, 7));
    expect(await readDelivered()).toBe(17);
    expect((await readBars())?.at(-1)).toBe(17);
    expect(await rows.countDocuments()).toBe(3);
  });

  test('counts a batch once that is sent again, because its answer was lost', async () => {
    for (let sent = 0; sent < 3; sent++) await store.add(one, delivered(1, 2));
    await store.add(one, delivered(2, 1));
    expect(await readDelivered()).toBe(3);
    expect((await readBars())?.at(-1)).toBe(3);
  });

  test('counts a batch once that arrives late, after the next ones', async () => {
    await store.add(one, delivered(1, 2));
    await store.add(one, delivered(2, 10));
    await store.add(one, delivered(1, 2));
    expect(await readDelivered()).toBe(12);
    expect((await readBars())?.at(-1)).toBe(12);
  });

  test('counts a batch of which only one row was written in the other row, too', async () => {
    await store.add(one, delivered(1, 2));
    await rows.deleteOne({ _id: makeMinuteId(now) });
    await store.add(one, delivered(1, 2));
    expect(await readDelivered()).toBe(2);
    expect((await readBars())?.at(-1)).toBe(2);
  });

  test('loses nothing if many processes insert the first rows at once', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        store.add({ host: 'h1', process: `p${String(index)}` }, delivered(1, 1)),
      ),
    );
    expect(await readDelivered()).toBe(20);
    expect((await readBars())?.at(-1)).toBe(20);
  });

  test('counts on after the database was restored from a backup', async () => {
    await store.add(one, delivered(1, 2));
    const backup = await rows.find().toArray();
    await store.add(one, delivered(2, 3));
    await rows.deleteMany({});
    await rows.insertMany(backup);
    await store.add(one, delivered(3, 4));
    expect(await readDelivered()).toBe(6);
  });

  test('takes any host id and any amount, also beyond 32 bits', async () => {
    const ids = ['a.b', '$where', '__proto__', 'constructor', '%', 'ü 宽'];
    for (const [index, id] of ids.entries()) {
      await store.add({ host: id, process: `a${String(index)}` }, delivered(1, 1));
      await store.add(
        { ...one, process: `p${String(index)}` },
        {
          number: 1,
          at: now,
          fields: new Map([['reads.local', 3_000_000_000]]),
          delivered: new Map([[id, 2]]),
        },
      );
    }
    const bars = await store.readDeliveries(now);
    expect(bars.get('a.b')?.at(-1)).toBe(2);
    expect(bars.get('$where')?.at(-1)).toBe(2);
    expect(bars.get('__proto__')?.at(-1)).toBe(2);
    const totals = (await store.readTotals()).find(({ _id }) => _id === 'host:h1');
    expect(totals?.reads?.['local']).toBe(18_000_000_000);
  });

  test('gives 20 counts of three minutes, the oldest first', async () => {
    const minutes = [0, 1, 2, 3, 58, 59];
    for (const [index, minute] of minutes.entries())
      await store.add(one, delivered(index + 1, index + 1, minutesAgo(minute)));
    for (const outside of [60, 61, -1, -600])
      await store.add(
        { ...one, process: `p${String(outside)}` },
        delivered(1, 1_000, minutesAgo(outside)),
      );
    const bars = await readBars();
    expect(bars).toHaveLength(20);
    expect(bars?.at(-1)).toBe(1 + 2 + 3);
    expect(bars?.at(-2)).toBe(4);
    expect(bars?.[0]).toBe(5 + 6);
    expect(bars?.slice(1, -2).every((count) => count === 0)).toBe(true);
  });

  test('keeps minutes for two days by the clock of the database', async () => {
    const real = Date.now();
    const ages = { old: 49, recent: 47, 'clock ahead': -49, 'a little ahead': -1 };
    for (const [name, hours] of Object.entries(ages))
      await store.add(
        { ...one, process: name.replaceAll(' ', '') },
        delivered(1, 1, new Date(real - hours * 3_600_000)),
      );
    await store.removeOldMinutes();
    const left = await rows.find({ _id: { $gte: 'minute:', $lt: 'minute;' } }).toArray();
    expect(left.map(({ _id }) => _id)).toEqual([
      makeMinuteId(new Date(real - 47 * 3_600_000)),
      makeMinuteId(new Date(real + 3_600_000)),
    ]);
    expect(await readDelivered()).toBe(4);
  });

  test('forgets processes that were silent for two days, once there are many', async () => {
    for (let index = 0; index < 25; index++)
      await store.add({ host: 'h1', process: `p${String(index)}` }, delivered(1, 1));
    const $set = Object.fromEntries(
      Array.from({ length: 22 }, (_, index) => [
        `writers.p${String(index)}.at`,
        minutesAgo(3 * 1440),
      ]),
    );
    await rows.updateOne({ _id: 'host:h1' }, { $set });
    await store.forgetOldWriters('h1');
    const row = (await rows.findOne({ _id: 'host:h1' })) as TotalsRow | null;
    expect(Object.keys(row?.writers ?? {}).sort()).toEqual(['p22', 'p23', 'p24']);
    expect(await readDelivered()).toBe(25);
  });

  test('moves a malformed row away, so that it stops no counting', async () => {
    await rows.insertMany([
      { _id: 'host:h1', to: 'text' },
      { _id: makeMinuteId(now), to: { h2: 'many' } },
    ] as never);
    await expect(store.add(one, delivered(1, 2))).rejects.toThrow();
    await store.add(one, delivered(1, 2));
    expect(await readDelivered()).toBe(2);
    expect((await readBars())?.at(-1)).toBe(2);
  });

  test('reads rows that another program filled as if they were absent', async () => {
    await rows.insertMany([
      { _id: 'host:x', reads: { local: 'NaN' } },
      { _id: 'host:y', to: { h2: { bytes: { express: { a: 1 } } } } },
      { _id: makeMinuteId(now), to: { '%zz': 4, h2: 2 } },
    ] as never);
    expect(await store.readTotals()).toEqual([]);
    expect([...(await store.readDeliveries(now)).keys()]).toEqual(['h2']);
  });
});
