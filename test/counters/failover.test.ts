import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CounterRow } from '../../src/counters/counter-row.js';
import { CounterStore } from '../../src/counters/counter-store.js';
import { CounterWriter } from '../../src/counters/counter-writer.js';
import { EventBus } from '../../src/model/events.js';
import type { Path } from '../../src/model/path.js';
import { getNativeCollection } from '../../src/util/collections.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { findTestMongod, ReplicaSet } from '../harness/replica-set.js';
import { makeRowReader } from '../harness/row-reader.js';
import { until } from '../harness/wait.js';

const slow = { timeout: 60_000 };
const binary = await findTestMongod().catch((error: unknown) => ({ missing: String(error) }));

describe.skipIf(typeof binary !== 'string')(
  `a primary that dies while processes count${typeof binary === 'string' ? '' : ` (skipped: ${binary.missing})`}`,
  () => {
    let set: ReplicaSet, database: TestDatabase;
    beforeAll(async () => {
      if (typeof binary !== 'string') return;
      set = await ReplicaSet.start(binary);
      database = await testDatabase({}, set);
    }, 240_000);
    afterAll(async () => {
      await database.close();
      await set.close();
    }, 120_000);

    test('loses no count and adds none twice', async () => {
      const store = new CounterStore(
        () => getNativeCollection<CounterRow>(database.connection, 'counters'),
        makeRowReader(database.connection),
      );
      const processes = ['h1', 'h1', 'h2'].map((me) => {
        const events = new EventBus();
        const writer = new CounterWriter(
          { events, isRegistered: () => true, open: () => ({ store, me, now: new Date() }) },
          { everyMs: 5, writeMs: 2_000, closeMs: 60_000 },
        );
        return { events, writer };
      });
      let counted = 0;
      const count = (): void => {
        for (const { events } of processes)
          events.emit('read', { path: 'uploads/a.jpg' as Path, outcome: 'local' });
        counted += processes.length;
      };
      const readTotal = async (): Promise<number> =>
        (await store.readTotals()).reduce((sum, { reads }) => sum + (reads?.['local'] ?? 0), 0);
      count();
      await until(async () => (await readTotal()) === counted, slow);

      // Nothing is replicated any more: the primary takes writes that the majority never gets.
      const startSecondaries = await set.killSecondaries();
      const timer = setInterval(count, 1);
      await until(() => counted > 300, slow);
      const startPrimary = await set.killPrimary();
      await startSecondaries();
      await until(() => counted > 1_000, slow);
      clearInterval(timer);
      await startPrimary();
      count();

      await until(async () => (await readTotal()) >= counted, slow);
      await Promise.all(processes.map(({ writer }) => writer.close()));
      expect(await readTotal()).toBe(counted);
    }, 240_000);
  },
);
