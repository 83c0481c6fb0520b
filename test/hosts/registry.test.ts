import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ensureHostIndexes,
  getHostCollection,
  type HostCollection,
} from '../../src/hosts/host-model.js';
import { Registry } from '../../src/hosts/registry.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makeRow } from './rows.js';

let database: TestDatabase;
let rows: HostCollection;
let registry: Registry;
beforeAll(async () => {
  database = await testDatabase();
  rows = getHostCollection(database.connection, 'p_');
  await ensureHostIndexes(rows);
});
afterAll(() => database.close());
beforeEach(async () => {
  await rows.deleteMany({});
  await rows.insertMany([
    makeRow('a'),
    makeRow('b', { status: 'paused' }),
    makeRow('c', { status: 'pending' }),
    makeRow('d', { status: 'retired', hostname: 'old#d' }),
  ]);
  registry = new Registry(() => rows, 'a');
  await registry.refresh();
});

const ids = (hosts: readonly Host[]): string[] => hosts.map(({ id }) => id).sort();

describe('Registry', () => {
  test('knows this host, the others, and the hosts that want a path', () => {
    expect(registry.me().id).toBe('a');
    expect(ids(registry.all())).toEqual(['a', 'b', 'c', 'd']);
    expect(ids(registry.others())).toEqual(['b', 'c']);
    expect(ids(registry.recipients())).toEqual(['a', 'b']);
    expect(registry.get('name-b').id).toBe('b');
    expect(registry.get('b').id).toBe('b');
    expect(() => registry.get('name-x')).toThrow(
      expect.objectContaining({
        code: 'UNKNOWN_HOST',
        message: expect.stringContaining('"name-x"') as string,
      }),
    );
    expect(() => new Registry(() => rows, 'gone').me()).toThrow(
      expect.objectContaining({ code: 'NOT_INITIALISED' }),
    );
    expect(() => new Registry(() => rows, undefined).me()).toThrow(
      expect.objectContaining({ code: 'NOT_INITIALISED' }),
    );
  });

  test('names the hosts that changed, without changes that happen all the time', async () => {
    const changes: [string[], string[]][] = [];
    const stop = registry.onChange((before, after) => changes.push([ids(before), ids(after)]));
    await rows.updateMany(
      {},
      {
        $set: {
          lease: { leader: 'x', beat: 1 },
          'deliveries.z': { deliveredAt: new Date() },
          updatedAt: new Date(),
        },
      },
    );
    await registry.refresh();
    expect(changes).toEqual([]);
    await rows.insertOne(makeRow('e'));
    await registry.refresh();
    expect(changes).toEqual([
      [
        ['a', 'b', 'c', 'd'],
        ['a', 'b', 'c', 'd', 'e'],
      ],
    ]);
    await rows.updateOne({ _id: 'e' }, { $set: { publicKey: 'other' } });
    await registry.refresh();
    expect(changes.length).toBe(2);
    stop();
    await rows.deleteOne({ _id: 'e' });
    await registry.refresh();
    expect(changes.length).toBe(2);
  });

  test('reports received files once, whoever raised the count', async () => {
    const received: number[] = [];
    registry.onReceived((count) => received.push(count));
    const other = new Registry(() => rows, 'b');
    await Promise.all(Array.from({ length: 10 }, () => other.raiseReceived(new Map([['a', 3]]))));
    await other.raiseReceived(new Map([['c', 1]]));
    await registry.refresh();
    await registry.refresh();
    expect(received).toEqual([30]);
  });

  test('stores delivery states, rescans, halts and reloads of this host, and shows them at once', async () => {
    const due = new Date(1_700_000_000_000);
    const failure = {
      code: 'HOST_UNREACHABLE' as const,
      message: 'm',
      retryable: true,
      scope: 'host' as const,
    };
    const delivery: Parameters<Registry['recordDeliveryState']>[1] = {
      deliveredAt: due,
      failure,
    };
    await registry.recordDeliveryState('b', delivery);
    await registry.storeRescan('uploads/v1.2' as Path, due);
    await registry.storeRescan('uploads/other' as Path, due);
    await registry.storeRescan('uploads/other' as Path, undefined);
    await registry.recordHalt('uploads/v1.2', failure);
    await registry.recordReload({ at: due, exitCode: 1, output: `${'x'.repeat(10_000)}end` });
    const expected = {
      deliveries: { b: delivery },
      rescans: { 'uploads/v1.2': due },
      halted: { 'uploads/v1.2': failure },
    };
    expect(registry.me()).toMatchObject(expected);
    expect(registry.me().rescans).toEqual(expected.rescans);
    expect(registry.me().reload?.output).toHaveLength(4096);
    expect(registry.me().reload?.output.endsWith('end')).toBe(true);
    await registry.recordHalt('uploads/v1.2', undefined);
    const fresh = new Registry(() => rows, 'a');
    await fresh.refresh();
    expect(fresh.me()).toEqual(registry.me());
    expect(fresh.me().halted).toEqual({});
  });

  test('becomes ready once', async () => {
    await registry.markReady();
    const { readyAt } = registry.me();
    expect(readyAt).toBeInstanceOf(Date);
    await rows.updateOne({ _id: 'a' }, { $set: { readyAt: new Date(1) } });
    await registry.markReady();
    await registry.refresh();
    expect(registry.me().readyAt).toEqual(new Date(1));
  });

  test('a refresh under way does not undo a write', async () => {
    for (let n = 1; n <= 20; n++) {
      const reading = registry.refresh();
      await registry.storeRescan('d' as Path, new Date(n));
      await reading;
      expect(registry.me().rescans).toEqual({ d: new Date(n) });
    }
  });

  test('one refresh that begins after their requests serves all callers', async () => {
    const first = registry.refresh();
    const others = [registry.refresh(), registry.refresh()];
    expect(others[0]).toBe(others[1]);
    expect(others[0]).not.toBe(first);
    await rows.updateOne({ _id: 'b' }, { $set: { hostname: 'renamed' } });
    await Promise.all([first, ...others]);
    await registry.refresh();
    expect(registry.get('renamed').id).toBe('b');
  });

  test('an undefined field of a delivery state is not stored', async () => {
    await registry.recordDeliveryState('b', {
      deliveredAt: new Date(3),
      failure: undefined,
    } as unknown as {
      deliveredAt: Date;
    });
    expect((await rows.findOne({ _id: 'a' }))?.deliveries.b).toEqual({ deliveredAt: new Date(3) });
  });
});
