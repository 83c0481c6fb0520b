import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Entry } from '../../src/model/entry.js';
import type { Path } from '../../src/model/path.js';
import type { DeliveryQueue } from '../../src/replication/delivery-queue.js';
import { until } from '../harness/wait.js';
import { openQueueSite, type QueueSite } from './queue-site.js';
import { delivered, makeGate } from './scripted-backend.js';

let opened: Awaited<ReturnType<typeof openQueueSite>>;
let site: QueueSite;
beforeAll(async () => {
  opened = await openQueueSite();
});
afterAll(() => opened.close());
beforeEach(async () => {
  site = await opened.reset();
});
afterEach(() => site.closeQueues());

const openQueue: QueueSite['openQueue'] = (...args) => site.openQueue(...args);
const nameFiles = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `f${String(i).padStart(3, '0')}.jpg`);
const nameOf = ({ path }: { path: Path }): string => path.slice(path.lastIndexOf('/') + 1);

describe('backpressure', () => {
  test('entries beyond the limit stay in the ledger, and all are delivered once', async () => {
    const entries = await site.insertMany(nameFiles(23));
    openQueue({ queueEntries: 4, batchFiles: 3 }).wake();
    await site.waitUntilHeld(entries);
    expect([...site.backend.files].sort()).toEqual(entries.map((entry) => `${nameOf(entry)} v1`));
    for (const { files } of site.backend.sends) expect(files.length).toBeLessThanOrEqual(3);
  });

  test('hints beyond the limit are dropped: those files are read from the ledger later', async () => {
    const [first, ...others] = await site.insertMany(nameFiles(8));
    const gate = makeGate();
    site.backend.answer = async () => {
      await gate.opened;
      return delivered;
    };
    const queue = openQueue({ queueEntries: 4 });
    queue.enqueue([first!]);
    await until(() => site.backend.sends.length === 1);
    queue.enqueue(others);
    // No hint tells of the new versions, so only the ledger can bring them to the queue.
    for (const entry of others) await site.supersede(entry, 'v2');
    gate.open();
    await site.waitUntilHeld([first!]);
    await until(() => site.backend.files.filter((file) => file.endsWith(' v2')).length >= 3);
    expect(site.backend.files.filter((file) => file.endsWith(' v1'))).toEqual([
      'f000.jpg v1',
      'f001.jpg v1',
      'f002.jpg v1',
      'f003.jpg v1',
      'f004.jpg v1',
    ]);
    queue.wake();
    await site.waitUntilHeld(others);
    for (const entry of others)
      expect(await site.read(entry)).toMatchObject({ version: 'v2', pending: [] });
  });

  test('a batch holds so many bytes, and a larger file goes alone', async () => {
    const sizes = [40, 50, 200, 10];
    const entries = await Promise.all(
      sizes.map((size, i) =>
        site.insert(`${String(i)}.jpg`, { info: { size, mtime: 1, nanos: 0 } }),
      ),
    );
    openQueue({ batchBytes: 100 }).enqueue(entries);
    await site.waitUntilHeld(entries);
    expect(site.backend.sends.map(({ files }) => files)).toEqual([
      ['0.jpg v1', '1.jpg v1'],
      ['2.jpg v1'],
      ['3.jpg v1'],
    ]);
  });

  test('nothing more is sent while as many outcomes as the limit are not stored', async () => {
    const entries = await site.insertMany(nameFiles(6));
    const gate = makeGate();
    const acknowledger = site.makeAcknowledger(() => gate.opened);
    const queue = openQueue({ queueEntries: 4, batchFiles: 2 }, { acknowledger });
    site.backend.answer = ({ path }) => {
      // The queue never runs empty, or it would wait for that reason.
      if (path === entries[3]!.path) queue.enqueue(entries.slice(4));
      return delivered;
    };
    queue.enqueue(entries.slice(0, 4));
    await until(() => site.backend.files.length === 4);
    await site.letItWork();
    expect(site.backend.files).toHaveLength(4);
    gate.open();
    await site.waitUntilHeld(entries);
    expect(site.backend.files).toHaveLength(6);
  });

  test('hints beyond the limit make the queue read the ledger by itself', async () => {
    const queue = openQueue({ queueEntries: 2 });
    // After this the queue knows that nothing more is pending.
    const earlier = await site.insert('earlier.jpg');
    queue.wake();
    await site.waitUntilHeld([earlier]);
    await site.letItWork();
    const entries = await site.insertMany(nameFiles(5));
    queue.enqueue(entries);
    await site.waitUntilHeld(entries);
  });
});

describe('a late hint', () => {
  test('of a version that is being sent does not send it twice', async () => {
    const entry = await site.insert('a.jpg');
    const gate = makeGate();
    site.backend.answer = async () => {
      await gate.opened;
      return delivered;
    };
    const queue = openQueue();
    queue.wake();
    await until(() => site.backend.sends.length === 1);
    queue.enqueue([entry]);
    const other = await site.insert('b.jpg');
    queue.enqueue([other]);
    gate.open();
    await site.waitUntilHeld([entry, other]);
    expect(site.backend.files).toEqual(['a.jpg v1', 'b.jpg v1']);
  });

  test('of a version that was acknowledged does not send it again', async () => {
    const entry = await site.insert('a.jpg');
    const queue = openQueue();
    queue.wake();
    await site.waitUntilHeld([entry]);
    const other = await site.insert('b.jpg');
    queue.enqueue([entry, other]);
    await site.waitUntilHeld([other]);
    expect(site.backend.files).toEqual(['a.jpg v1', 'b.jpg v1']);
  });

  test('of a version that a host has lost since does not keep the ledger from sending it', async () => {
    const entry = await site.insert('a.jpg');
    const queue = openQueue();
    queue.wake();
    await site.waitUntilHeld([entry]);
    await site.site.ledger.markPending(entry.path, ['B']);
    queue.enqueue([entry]);
    queue.wake();
    await site.waitUntilHeld([entry]);
    expect(site.backend.files).toEqual(['a.jpg v1', 'a.jpg v1']);
  });

  test('of a newer version takes the place of the older one before it is sent', async () => {
    const [first, entry] = await site.insertMany(['a.jpg', 'b.jpg']);
    const gate = makeGate();
    site.backend.answer = async () => {
      await gate.opened;
      return delivered;
    };
    const queue = openQueue();
    queue.enqueue([first!]);
    await until(() => site.backend.sends.length === 1);
    queue.enqueue([entry!]);
    queue.enqueue([await site.supersede(entry!, 'v2')]);
    gate.open();
    await site.waitUntilHeld([first!, entry!]);
    expect(site.backend.files).toEqual(['a.jpg v1', 'b.jpg v2']);
  });

  test('an older version that arrives last is not acknowledged: the newer one is sent again', async () => {
    const entry = await site.insert('a.jpg');
    const gate = makeGate();
    site.backend.answer = async ({ version }) => {
      if (version === 'v1') await gate.opened;
      return delivered;
    };
    const queue = openQueue();
    queue.enqueue([entry]);
    await until(() => site.backend.sends.length === 1);
    // The host has got the newer version by another way, before the older one arrives there.
    const newer: Entry = { ...entry, version: 'v2', heldBy: ['A', 'B'], pending: [] };
    await site.site.ledger.replace('v1', newer);
    gate.open();
    await until(() => {
      queue.wake();
      return site.backend.sends.length === 2;
    });
    await site.waitUntilHeld([entry]);
    expect(site.backend.files).toEqual(['a.jpg v1', 'a.jpg v2']);
  });

  test.each(['changed', 'vanished'] as const)(
    'of a version whose source has %s has the path reconciled, and waits for a newer one',
    async (result) => {
      const entry = await site.insert('a.jpg');
      const other = await site.insert('b.jpg');
      site.backend.answer = ({ path }) => (path === entry.path ? { result } : delivered);
      const queue = openQueue();
      queue.enqueue([entry, other]);
      await site.waitUntilHeld([other]);
      await until(async () => (await site.read(entry)).dueAt > new Date());
      queue.wake();
      await site.letItWork();
      expect(site.reconciled).toEqual([entry.path]);
      expect(site.backend.files).toEqual(['a.jpg v1', 'b.jpg v1']);
      expect(await site.read(entry)).toMatchObject({ pending: ['B'], blocked: [], heldBy: ['A'] });
    },
  );

  test('of a newer version takes the place of the older one even in a full queue', async () => {
    const [first, second, third] = await site.insertMany(['a.jpg', 'b.jpg', 'c.jpg']);
    const gate = makeGate();
    site.backend.answer = async () => {
      await gate.opened;
      return delivered;
    };
    const queue = openQueue({ queueEntries: 2 });
    queue.enqueue([first!]);
    await until(() => site.backend.sends.length === 1);
    queue.enqueue([second!, third!]);
    queue.enqueue([await site.supersede(second!, 'v2')]);
    gate.open();
    await site.waitUntilHeld([first!, second!, third!]);
    expect(site.backend.files).toEqual(['a.jpg v1', 'b.jpg v2', 'c.jpg v1']);
  });
});

describe('while the queue reads the ledger', () => {
  /** A queue, in whose first read of the ledger `during` happens, after the entries were read. */
  function openQueueWith(during: (queue: DeliveryQueue) => Promise<void>): DeliveryQueue {
    const { ledger } = site.site;
    let reads = 0;
    const queue: DeliveryQueue = openQueue(
      {},
      {
        ledger: Object.assign(Object.create(ledger) as typeof ledger, {
          findPending: async (...args: Parameters<typeof ledger.findPending>) => {
            const found = await ledger.findPending(...args);
            if (++reads === 1) await during(queue);
            return found;
          },
        }),
      },
    );
    return queue;
  }

  test('a wake-up is not lost', async () => {
    const entry: Entry[] = [];
    const queue = openQueueWith(async () => {
      entry.push(await site.insert('a.jpg'));
      queue.wake();
    });
    queue.wake();
    await until(() => entry.length > 0);
    await site.waitUntilHeld(entry);
  });

  test('a hint of a newer version wins over the older one that is being read', async () => {
    const entry = await site.insert('a.jpg');
    const queue = openQueueWith(async () => {
      queue.enqueue([await site.supersede(entry, 'v2')]);
    });
    queue.wake();
    await site.waitUntilHeld([entry]);
    expect(site.backend.files).toEqual(['a.jpg v2']);
  });
});
