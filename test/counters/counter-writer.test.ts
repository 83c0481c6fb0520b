import type { mongo } from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CounterRow } from '../../src/counters/counter-row.js';
import { CounterStore } from '../../src/counters/counter-store.js';
import { CounterWriter } from '../../src/counters/counter-writer.js';
import { EventBus } from '../../src/model/events.js';
import type { Path } from '../../src/model/path.js';
import { getNativeCollection } from '../../src/util/collections.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makeRowReader } from '../harness/row-reader.js';
import { until } from '../harness/wait.js';
import { makeOutcome } from './outcomes.js';

type Rows = mongo.Collection<CounterRow>;

let database: TestDatabase, rows: Rows, store: CounterStore;
beforeAll(async () => {
  database = await testDatabase();
  rows = getNativeCollection<CounterRow>(database.connection, 'counters');
  store = new CounterStore(() => rows, makeRowReader(database.connection));
});
afterAll(() => database.close());
beforeEach(() => rows.deleteMany({}));

const times = { everyMs: 20, writeMs: 5_000, closeMs: 5_000 };

/** One process that counts, on the host `h1`. */
function startWriter(
  options: { store?: CounterStore; times?: typeof times; registered?: boolean } = {},
) {
  const events = new EventBus();
  const errors: unknown[] = [];
  events.on('failed', ({ error }) => errors.push(error));
  const writer = new CounterWriter(
    {
      events,
      isRegistered: () => options.registered ?? true,
      open: () =>
        options.registered === false
          ? undefined
          : { store: options.store ?? store, me: 'h1', now: new Date() },
    },
    options.times ?? times,
  );
  return {
    events,
    errors,
    writer,
    read: () => {
      events.emit('read', { path: 'uploads/a.jpg' as Path, outcome: 'local' });
    },
  };
}
const readLocal = async (): Promise<number> =>
  (await store.readTotals()).reduce((sum, { reads }) => sum + (reads?.['local'] ?? 0), 0);

/** A collection whose bulk writes first go through `around`. */
function intercept(around: (write: () => Promise<unknown>) => Promise<unknown>): CounterStore {
  const collection = new Proxy(rows, {
    get: (target, name): unknown => {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'bulkWrite')
        return (...args: Parameters<Rows['bulkWrite']>) => around(() => target.bulkWrite(...args));
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return new CounterStore(() => collection, makeRowReader(database.connection));
}

describe('the writer of counters', () => {
  test('stores what the events of its process say', async () => {
    const { events, writer, read } = startWriter();
    read();
    events.emit('read', { path: 'uploads/b.jpg' as Path, outcome: 'missing' });
    events.emit('outcome', { host: 'h2', outcome: makeOutcome(), ms: 7, savedMs: 70 });
    events.emit('outcome', {
      host: 'h2',
      outcome: makeOutcome({ via: 'rsync', bytes: 5_000 }),
      ms: 400_000,
    });
    events.emit('outcome', { host: 'h2', outcome: makeOutcome({ result: 'vanished' }), ms: 1 });
    await writer.close();
    const [row] = await store.readTotals();
    expect(row).toEqual({
      _id: 'host:h1',
      reads: { local: 1, missing: 1 },
      to: {
        h2: {
          deliveries: { express: { delivered: 1, vanished: 1 }, rsync: { delivered: 1 } },
          bytes: { express: 100, rsync: 5_000 },
          duration: { buckets: { 1: 1, 12: 1 }, ms: 400_007 },
          saveToHost: { buckets: { 4: 1 }, ms: 70 },
        },
      },
    });
  });

  test('sends nothing while nothing happens, and one command for everything since the last one', async () => {
    const commands: string[] = [];
    const counted = intercept((write) => {
      commands.push('write');
      return write();
    });
    const { read, writer } = startWriter({ store: counted });
    for (let index = 0; index < 1_000; index++) read();
    await until(async () => (await readLocal()) === 1_000);
    const after = commands.length;
    read();
    await until(async () => (await readLocal()) === 1_001);
    await writer.close();
    expect(commands).toHaveLength(after + 1);
  });

  test('counts once what was written without an answer', async () => {
    let lost = 0;
    const lossy = intercept(async (write) => {
      await write();
      if (lost++ < 3) throw new Error('the connection broke');
    });
    const { errors, read, writer } = startWriter({ store: lossy });
    read();
    await until(() => errors.length >= 1);
    read();
    await until(() => errors.length >= 3);
    read();
    await until(async () => (await readLocal()) === 3);
    await writer.close();
    expect(await readLocal()).toBe(3);
  });

  test('keeps counts while the database refuses writes', async () => {
    let isDown = true;
    const refusing = intercept((write) => (isDown ? Promise.reject(new Error('down')) : write()));
    const { errors, read, writer } = startWriter({ store: refusing });
    for (let index = 1; index <= 5; index++) {
      read();
      await until(() => errors.length >= index);
    }
    isDown = false;
    await until(async () => (await readLocal()) === 5);
    await writer.close();
  });

  test('counts once what a slow database writes after the time for an answer', async () => {
    const held: (() => void)[] = [];
    const slow = intercept(async (write) => {
      if (held.length < 1)
        await new Promise<void>((resolve) => {
          held.push(resolve);
        });
      return write();
    });
    const { errors, read, writer } = startWriter({
      store: slow,
      times: { ...times, writeMs: 500 },
    });
    read();
    await until(() => errors.length > 0);
    read();
    await until(async () => (await readLocal()) === 2);
    held.forEach((release) => {
      release();
    });
    read();
    await until(async () => (await readLocal()) === 3);
    await writer.close();
    expect(await readLocal()).toBe(3);
  });

  test('does not wait for a hanging database when the instance is closed', async () => {
    const hanging = intercept(() => new Promise(() => undefined));
    const { read, writer } = startWriter({ store: hanging, times: { ...times, closeMs: 50 } });
    read();
    await writer.close();
    expect(await readLocal()).toBe(0);
  });

  test('writes what it counted before the database was opened', async () => {
    const events = new EventBus();
    let isOpen = false;
    const writer = new CounterWriter(
      {
        events,
        isRegistered: () => true,
        open: () => (isOpen ? { store, me: 'h1', now: new Date() } : undefined),
      },
      times,
    );
    events.emit('read', { path: 'uploads/a.jpg' as Path, outcome: 'local' });
    isOpen = true;
    await until(async () => (await readLocal()) === 1);
    await writer.close();
  });

  test('starts no timer on a machine without a host id', async () => {
    const started = vi.spyOn(globalThis, 'setTimeout');
    const { read, writer } = startWriter({ registered: false });
    read();
    expect(started).not.toHaveBeenCalled();
    started.mockRestore();
    await writer.close();
    expect(await readLocal()).toBe(0);
  });

  test('puts a delivery into the minute of the given clock, whatever the clock of this machine says', async () => {
    const events = new EventBus();
    const now = new Date(Date.now() + 3 * 3_600_000);
    const writer = new CounterWriter(
      { events, isRegistered: () => true, open: () => ({ store, me: 'h1', now }) },
      { ...times, everyMs: 60_000 },
    );
    events.emit('outcome', { host: 'h2', outcome: makeOutcome(), ms: -5, savedMs: -3_600_000 });
    await writer.close();
    const [row] = await store.readTotals();
    expect(row?.to?.['h2']?.saveToHost).toEqual({ buckets: { 0: 1 }, ms: 0 });
    expect((await store.readDeliveries(now)).get('h2')?.at(-1)).toBe(1);
  });
});
