import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DeliveryState } from '../../src/model/host.js';
import type { Entry } from '../../src/model/entry.js';
import type { Path } from '../../src/model/path.js';
import { tombstoneEntry } from '../decisions/entries.js';
import { until } from '../harness/wait.js';
import { photos } from '../ledger/site.js';
import { documents, openQueueSite, type QueueSite } from './queue-site.js';
import {
  cancelled,
  delivered,
  diskFull,
  failWith,
  makeGate,
  noMarker,
  unreachable,
} from './scripted-backend.js';

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
const hour = 3_600_000;
const nameFiles = (count: number, prefix = 'f'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(3, '0')}.jpg`);

describe('a failing host', () => {
  test('is retried after each failure until it receives everything that is pending', async () => {
    const entries = await site.insertMany(['a.jpg', 'b.jpg']);
    let failures = 3;
    site.backend.answerPrepare = () => (failures-- > 0 ? unreachable : undefined);
    openQueue({ backoffMs: 1, backoffMaxMs: 2 }).wake();
    await site.waitUntilHeld(entries);
    await until(() => site.recovered === 1);
    expect(site.failing).toEqual([unreachable, unreachable, unreachable]);
    expect(site.states.at(2)?.state).toMatchObject({ failure: unreachable });
    expect(site.states.at(-1)?.state).toEqual({ deliveredAt: expect.any(Date) as Date });
    expect((await site.read({ path: entries[0]!.path })).pending).toEqual([]);
  });

  test('that fails while files are sent keeps them pending, and none is blocked', async () => {
    const entries = await site.insertMany(['a.jpg', 'b.jpg']);
    site.backend.answer = () => failWith(unreachable);
    const queue = openQueue();
    queue.wake();
    await until(() => site.states.length > 0);
    for (const entry of entries)
      expect(await site.read(entry)).toMatchObject({ pending: ['B'], blocked: [], heldBy: ['A'] });
    site.backend.answer = () => delivered;
    queue.retryNow();
    await site.waitUntilHeld(entries);
  });

  test('receives nothing while its queue backs off, until a retry is requested', async () => {
    const first = await site.insert('a.jpg');
    site.backend.answer = () => failWith(unreachable);
    const queue = openQueue();
    queue.enqueue([first]);
    await until(() => site.states.length > 0);
    expect(queue.isBackingOff).toBe(true);
    const second = await site.insert('b.jpg');
    queue.enqueue([second]);
    queue.wake();
    await site.letItWork();
    expect(site.backend.files).toEqual(['a.jpg v1']);
    site.backend.answer = () => delivered;
    queue.retryNow();
    await site.waitUntilHeld([first, second]);
    expect(queue.isBackingOff).toBe(false);
  });

  test('is retried as soon as it takes connections again, however long its queue backs off', async () => {
    const entry = await site.insert('a.jpg');
    let isBack = false,
      looks = 0;
    site.backend.answer = () => (isBack ? delivered : failWith(unreachable));
    site.backend.answerTakesConnection = () => ++looks > 0 && isBack;
    openQueue({ returnCheckMs: 1 }).wake();
    await until(() => looks > 3);
    expect(site.backend.files).toEqual(['a.jpg v1']);
    isBack = true;
    await site.waitUntilHeld([entry]);
    const seen = looks;
    await site.letItWork();
    expect(looks).toBe(seen);
  });

  test('that takes connections and fails all the same keeps to its backoff', async () => {
    await site.insert('a.jpg');
    let looks = 0;
    site.backend.answer = () => failWith(unreachable);
    site.backend.answerTakesConnection = () => ++looks > 0;
    openQueue({ returnCheckMs: 1 }).wake();
    await until(() => looks > 0);
    await site.letItWork();
    expect(looks).toBe(1);
    expect(site.backend.files).toEqual(['a.jpg v1']);
  });

  test('waits twice as long after each failure, and is as good as new after a success', async () => {
    const began = Date.now();
    const queue = openQueue();
    const failOnce = async (name: string): Promise<DeliveryState> => {
      site.backend.answer = () => failWith(unreachable);
      const before = site.states.length;
      await site.insert(name);
      queue.retryNow();
      await until(() => site.states.length > before);
      return site.states.at(-1)!.state;
    };
    const hoursUntil = ({ nextTryAt }: DeliveryState): number =>
      (nextTryAt!.getTime() - began) / hour;
    const [first, second, third] = [
      await failOnce('a.jpg'),
      await failOnce('b.jpg'),
      await failOnce('c.jpg'),
    ];
    // Half of the wait is random. The tenth of an hour is for the test itself.
    expect(hoursUntil(first)).toBeGreaterThanOrEqual(0.5);
    expect(hoursUntil(first)).toBeLessThan(1.1);
    expect(hoursUntil(second)).toBeGreaterThanOrEqual(1);
    expect(hoursUntil(second)).toBeLessThan(2.1);
    expect(hoursUntil(third)).toBeGreaterThanOrEqual(2);
    expect(third.failingSince).toEqual(first.failingSince);

    site.backend.answer = () => delivered;
    queue.retryNow();
    await until(() => site.recovered === 1);
    expect(hoursUntil(await failOnce('d.jpg'))).toBeLessThan(1.1);
  });

  test('counts each failure once, also one that cannot be recorded', async () => {
    const context = site.context(),
      record = context.registry.recordDeliveryState;
    const lost = new Error('the database is gone');
    context.registry.recordDeliveryState = () => Promise.reject(lost);
    const queue = openQueue({}, { registry: context.registry });
    site.backend.answer = () => failWith(unreachable);
    await site.insert('a.jpg');
    queue.wake();
    await until(() => site.errors.length > 0);
    expect(site.errors).toEqual([lost]);

    context.registry.recordDeliveryState = record;
    const began = Date.now();
    queue.retryNow();
    await until(() => site.states.length > 0);
    // The second failure waits for one to two hours, a third one would wait for two to four.
    const { nextTryAt } = site.states[0]!.state;
    expect((nextTryAt!.getTime() - began) / hour).toBeGreaterThanOrEqual(1);
    expect((nextTryAt!.getTime() - began) / hour).toBeLessThan(2.01);
  });

  test('that an earlier process saw failing is probed although nothing is pending', async () => {
    const failingSince = new Date(1_000);
    site.setHost('A', { deliveries: { B: { failure: unreachable, failingSince } } });
    const queue = openQueue();
    site.backend.answerPrepare = () => unreachable;
    queue.wake();
    await until(() => site.states.length > 0);
    expect(site.states[0]?.state).toMatchObject({ failure: unreachable, failingSince });
    site.backend.answerPrepare = () => undefined;
    queue.retryNow();
    await until(() => site.recovered === 1);
    expect(site.states.at(-1)?.state).toEqual({});
    expect(site.backend.prepares).toEqual([
      { to: 'B', dirs: [] },
      { to: 'B', dirs: [] },
    ]);
    expect(site.backend.sends).toEqual([]);
  });

  test('whose backend throws keeps earlier acknowledgements, and gets the rest later', async () => {
    const [first, second] = await site.insertMany(['a.jpg', 'b.jpg']);
    site.backend.answer = ({ path }) => {
      if (path === second!.path) throw new Error('the backend broke');
      return delivered;
    };
    const queue = openQueue();
    queue.enqueue([first!, second!]);
    await until(() => site.states.length > 0);
    expect(site.failing).toMatchObject([{ code: 'TRANSFER_FAILED', message: 'the backend broke' }]);
    await site.waitUntilHeld([first!]);
    expect(await site.read(second!)).toMatchObject({ pending: ['B'], blocked: [] });
    site.backend.answer = () => delivered;
    queue.retryNow();
    await site.waitUntilHeld([second!]);
    expect(site.backend.files).toEqual(['a.jpg v1', 'b.jpg v1', 'b.jpg v1']);
  });

  test('is sent a file again if its delivery could not be stored', async () => {
    const entry = await site.insert('a.jpg');
    let isDown = true;
    const acknowledger = site.makeAcknowledger(() =>
      isDown ? Promise.reject(new Error('no database')) : Promise.resolve(),
    );
    const queue = openQueue({}, { acknowledger });
    queue.enqueue([entry]);
    await until(() => queue.isBackingOff);
    expect(site.errors).toEqual([new Error('no database')]);
    expect((await site.read(entry)).pending).toEqual(['B']);
    isDown = false;
    queue.retryNow();
    await site.waitUntilHeld([entry]);
    expect(site.backend.files).toEqual(['a.jpg v1', 'a.jpg v1']);
  });

  test('that is probed receives a file that is saved meanwhile', async () => {
    const failingSince = new Date(1_000);
    site.setHost('A', { deliveries: { B: { failure: unreachable, failingSince } } });
    const queue = openQueue();
    const saved: Entry[] = [];
    const entry = await site.insert('a.jpg', { pending: [] });
    site.backend.answerPrepare = (dirs) => {
      if (dirs.length === 0 && saved.length === 0) {
        saved.push({ ...entry, pending: ['B'] });
        queue.enqueue(saved);
      }
      return undefined;
    };
    queue.wake();
    await site.waitUntilHeld([entry]);
    expect(site.backend.files).toEqual(['a.jpg v1']);
  });

  test('is prepared again before it receives more, and may have failed for two reasons', async () => {
    const failures = [unreachable, { ...unreachable, message: 'refused' }];
    const [first, second] = await site.insertMany(['a.jpg', 'b.jpg']);
    site.backend.answer = () => failWith(failures.shift() ?? unreachable);
    const queue = openQueue({ batchFiles: 1 });
    queue.enqueue([first!, second!]);
    await until(() => site.states.length === 1);
    // The queue keeps nothing in memory meanwhile: the newer version is read from the ledger.
    await site.supersede(second!, 'v2');
    queue.retryNow();
    await until(() => site.states.length === 2);
    site.backend.answer = () => delivered;
    queue.retryNow();
    await site.waitUntilHeld([first!, second!]);
    expect(site.backend.prepares).toHaveLength(3);
    expect(site.backend.files).not.toContain('b.jpg v1');
  });

  test('that has recovered fails from the time of its next failure', async () => {
    const queue = openQueue();
    const failingSince = new Date(1_000);
    site.setHost('A', { deliveries: { B: { failure: unreachable, failingSince } } });
    const later = openQueue();
    later.wake();
    await until(() => site.recovered === 1);
    await queue.close();
    site.backend.answer = () => failWith(unreachable);
    later.enqueue([await site.insert('a.jpg')]);
    await until(() => site.states.at(-1)?.state.failure !== undefined);
    expect(site.states.at(-1)?.state.failingSince?.getTime()).toBeGreaterThan(1_000);
  });

  test('keeps the time of the last delivery, also that of an earlier process', async () => {
    const deliveredAt = new Date(5_000);
    site.setHost('A', { deliveries: { B: { deliveredAt } } });
    site.backend.answerPrepare = () => unreachable;
    openQueue().enqueue([await site.insert('a.jpg')]);
    await until(() => site.states.length > 0);
    expect(site.states[0]?.state).toMatchObject({ deliveredAt, failure: unreachable });
  });
});

describe('a blocked path', () => {
  test('delays no other: the rest of its batch and later files are delivered', async () => {
    const entries = await site.insertMany(['a.jpg', 'b.jpg', 'c.jpg']);
    const [, bad] = entries as [Entry, Entry, Entry];
    site.backend.answer = ({ path }) => (path === bad.path ? failWith(diskFull) : delivered);
    const blocked: unknown[] = [];
    site.events.on('blocked', (event) => blocked.push(event));
    const queue = openQueue();
    queue.enqueue(entries);
    await site.waitUntilHeld(entries.filter((entry) => entry !== bad));
    const later = await site.insert('d.jpg');
    queue.enqueue([later]);
    await site.waitUntilHeld([later]);
    const now = await site.read(bad);
    expect(now).toMatchObject({ pending: [], heldBy: ['A'] });
    expect(now.blocked).toEqual([
      {
        host: 'B',
        failure: diskFull,
        since: expect.any(Date) as Date,
        retryAt: expect.any(Date) as Date,
      },
    ]);
    expect(now.blocked[0]!.retryAt!.getTime()).toBeGreaterThan(now.blocked[0]!.since.getTime());
    expect(blocked).toEqual([
      { path: bad.path, host: 'B', failure: diskFull, nextTryAt: now.blocked[0]!.retryAt },
    ]);
    expect(queue.isBackingOff).toBe(false);
    expect(site.failing).toEqual([]);
  });

  test('that is refused waits for a person, but for an obstacle that may go away', async () => {
    const codes = ['BAD_PATH', 'NOT_A_FILE', 'SYMLINK_IN_PATH'] as const;
    const entries = await site.insertMany(codes.map((code) => `${code}.jpg`));
    site.backend.answer = ({ path }) => ({
      result: 'refused',
      failure: {
        ...diskFull,
        retryable: false,
        code: codes.find((code) => path.includes(code)) ?? 'BAD_PATH',
      },
    });
    openQueue().wake();
    const isRetried = async (entry: Entry): Promise<boolean> => {
      const [block] = await until(async () => {
        const { blocked } = await site.read(entry);
        return blocked.length > 0 && blocked;
      });
      return block?.retryAt !== undefined;
    };
    expect(await Promise.all(entries.map(isRetried))).toEqual([false, true, true]);
  });

  test('keeps the time of its own first failure, not that of another host', async () => {
    const [own, others] = [new Date(1_000), new Date(2_000)];
    const blocks = (...hosts: [string, Date][]) => ({
      blocked: hosts.map(([host, since]) => ({ host, failure: diskFull, since })),
    });
    const again = await site.insert('again.jpg', blocks(['C', others], ['B', own]));
    const first = await site.insert('first.jpg', blocks(['C', others]));
    site.backend.answer = () => failWith(diskFull);
    openQueue().enqueue([again, first]);
    const sinceOf = async (entry: Entry): Promise<Date | undefined> =>
      (await site.read(entry)).blocked.find(({ host }) => host === 'B')?.since;
    await until(async () => (await sinceOf(first)) !== undefined);
    expect(await sinceOf(first)).not.toEqual(others);
    await until(async () => (await site.read(again)).pending.length === 0);
    expect(await sinceOf(again)).toEqual(own);
  });
});

describe('a failing sync dir', () => {
  test('is reported once for all its files, and other sync dirs receive theirs', async () => {
    const good = await site.insertMany(nameFiles(3));
    const bad = await site.insertMany(nameFiles(5, 'd'), {}, documents);
    site.backend.answerPrepare = (dirs) => (dirs.includes(documents.path) ? noMarker : undefined);
    const queue = openQueue();
    queue.enqueue([...bad, ...good]);
    await site.waitUntilHeld(good);
    await until(() => site.states.length > 0);
    expect(site.failing).toEqual([noMarker]);
    expect(queue.isBackingOff).toBe(false);
    expect(site.states.at(-1)?.state).toMatchObject({
      failure: noMarker,
      deliveredAt: expect.any(Date) as Date,
    });
    expect(site.backend.files).toHaveLength(3);
    for (const entry of bad)
      expect(await site.read(entry)).toMatchObject({ pending: ['B'], blocked: [] });

    site.backend.answerPrepare = () => undefined;
    queue.retryNow();
    await site.waitUntilHeld(bad);
    await until(() => site.recovered === 1);
    expect(site.states.at(-1)?.state).not.toHaveProperty('failure');
  });

  test('that fails while files are sent is reported once, and the host does not back off', async () => {
    const bad = await site.insertMany(nameFiles(4, 'd'), {}, documents);
    const good = await site.insertMany(nameFiles(2));
    site.backend.answer = ({ dir }) =>
      dir.path === documents.path ? failWith(noMarker) : delivered;
    const queue = openQueue();
    queue.enqueue([...bad, ...good]);
    await site.waitUntilHeld(good);
    const later = await site.insert('later.jpg');
    queue.enqueue([later]);
    await site.waitUntilHeld([later]);
    expect(site.failing).toEqual([noMarker]);
    expect(queue.isBackingOff).toBe(false);
    for (const entry of bad)
      expect(await site.read(entry)).toMatchObject({ pending: ['B'], blocked: [] });
    site.backend.answer = () => delivered;
    queue.retryNow();
    await site.waitUntilHeld(bad);
  });

  test('takes no room in memory from the other sync dirs', async () => {
    // The queue reads the newest and the oldest entries first, and all of these are documents.
    const bad = [
      ...(await site.insertMany(nameFiles(4, 'd'), { capturedAt: new Date(9_000) }, documents)),
      ...(await site.insertMany(nameFiles(4, 'e'), { capturedAt: new Date(1_000) }, documents)),
    ];
    const good = await site.insertMany(nameFiles(4), { capturedAt: new Date(5_000) });
    site.backend.answerPrepare = (dirs) => (dirs.includes(documents.path) ? noMarker : undefined);
    openQueue({ queueEntries: 4 }).wake();
    await site.waitUntilHeld(good);
    expect((await site.read(bad[0]!)).pending).toEqual(['B']);
  });

  test('is not tried, and nothing is recorded, for its files until a retry is due', async () => {
    const [bad, badToo] = await site.insertMany(['d.jpg', 'e.jpg'], {}, documents);
    site.backend.answerPrepare = (dirs) => (dirs.includes(documents.path) ? noMarker : undefined);
    const queue = openQueue();
    queue.enqueue([bad!]);
    await until(() => site.states.length > 0);
    queue.enqueue([bad!, badToo!]);
    await site.letItWork();
    expect(site.states).toHaveLength(1);
    const good = await site.insert('a.jpg');
    queue.enqueue([badToo!, good]);
    await site.waitUntilHeld([good]);
    const tried = site.backend.prepares.filter(({ dirs }) => dirs.includes(documents.path));
    expect(tried).toHaveLength(1);
  });

  test.each<[string, () => void]>([
    ['works again', () => (site.backend.answerPrepare = () => undefined)],
    [
      'is no longer one of that host',
      () => {
        site.setHost('B', { syncDirs: [photos.path] });
      },
    ],
  ])('fails at nothing once it %s, although nothing is pending there', async (_, mend) => {
    const bad = await site.insert('d.jpg', {}, documents);
    site.backend.answerPrepare = (dirs) => (dirs.includes(documents.path) ? noMarker : undefined);
    const queue = openQueue({ backoffMs: 1, backoffMaxMs: 1 });
    queue.enqueue([bad]);
    await until(() => site.states.at(-1)?.state.failure?.code === 'NO_MARKER');
    await site.site.ledger.releaseHost(bad, 'B');
    mend();
    await until(() => {
      if (queue.hasDueDirs) queue.wake();
      return site.recovered === 1;
    });
    expect(site.states.at(-1)?.state.failure).toBeUndefined();
    expect(queue.hasDueDirs).toBe(false);
  });

  test('is checked again once, where the host itself fails by then', async () => {
    const bad = await site.insert('d.jpg', {}, documents);
    site.backend.answerPrepare = (dirs) => (dirs.includes(documents.path) ? noMarker : undefined);
    const queue = openQueue();
    queue.enqueue([bad]);
    await until(() => site.states.length === 1);
    await site.site.ledger.releaseHost(bad, 'B');
    site.backend.answerPrepare = () => unreachable;
    queue.retryNow();
    await until(() => site.states.length > 1);
    await site.letItWork();
    expect(site.failing).toEqual([noMarker, unreachable]);
  });

  test('keeps a host from counting as recovered', async () => {
    site.setHost('A', { deliveries: { B: { failure: unreachable, failingSince: new Date(1) } } });
    const bad = await site.insert('d.jpg', {}, documents);
    const good = await site.insert('a.jpg');
    site.backend.answerPrepare = (dirs) => (dirs.includes(documents.path) ? noMarker : undefined);
    openQueue().enqueue([bad, good]);
    await site.waitUntilHeld([good]);
    await until(() => site.states.length > 0);
    expect(site.recovered).toBe(0);
  });
});

describe('a file that the host refuses', () => {
  test('is checked by the host before that is no longer concerned, since its own file won', async () => {
    const entry = await site.insert('a.jpg');
    let fails = true;
    site.backend.answer = () => ({ result: 'kept' });
    const queue = openQueue(
      {},
      {
        requestCheck: (host, path) => {
          if (fails) return Promise.reject(new Error('no database'));
          site.checks.push({ host, path });
          return Promise.resolve();
        },
      },
    );
    queue.enqueue([entry]);
    await until(() => queue.isBackingOff);
    expect((await site.read(entry)).pending).toEqual(['B']);
    fails = false;
    queue.retryNow();
    await until(async () => (await site.read(entry)).pending.length === 0);
    expect(site.checks).toEqual([{ host: 'B', path: entry.path }]);
    expect(await site.read(entry)).toMatchObject({ heldBy: ['A'], blocked: [] });
  });

  test('is released if it lies outside its sync dirs, and left to a holder if it lies outside ours', async () => {
    site.setHost('B', { syncDirs: ['uploads/photos' as Path, 'elsewhere' as Path] });
    const unwanted = await site.insert('a.pdf', {}, documents);
    const unsendable = await site.insert(
      'b.jpg',
      {},
      {
        ...documents,
        path: 'elsewhere' as Path,
      },
    );
    const wanted = await site.insert('c.jpg');
    openQueue().enqueue([unwanted, unsendable, wanted]);
    await site.waitUntilHeld([wanted]);
    expect(await site.read(unwanted)).toMatchObject({ pending: [], heldBy: ['A'] });
    expect(await site.read(unsendable)).toMatchObject({
      pending: ['B'],
      heldBy: [],
      orphaned: true,
    });
    expect(site.backend.files).toEqual(['c.jpg v1']);
  });

  test('a tombstone goes as a removal', async () => {
    const tombstone = tombstoneEntry({ path: 'uploads/photos/a.jpg' as Path, pending: ['B'] });
    await site.site.ledger.insert(tombstone);
    const does: string[] = [];
    site.backend.answer = (change) => {
      does.push(change.do);
      return delivered;
    };
    openQueue().enqueue([tombstone]);
    await site.waitUntilHeld([tombstone]);
    expect(does).toEqual(['remove']);
  });

  test('is released if a rule of its sync dir excludes it', async () => {
    const entry = await site.insert('a.tmp');
    openQueue({}, { findSyncDir: () => undefined }).enqueue([entry]);
    await until(async () => (await site.read(entry)).pending.length === 0);
    expect(await site.read(entry)).toMatchObject({ heldBy: ['A'], blocked: [] });
    expect(site.backend.sends).toEqual([]);
  });

  test('is not checked by a passive host, which captures nothing', async () => {
    site.setHost('B', { passive: true });
    const entry = await site.insert('a.jpg');
    site.backend.answer = () => ({ result: 'kept' });
    openQueue().enqueue([entry]);
    await until(async () => (await site.read(entry)).pending.length === 0);
    expect(site.checks).toEqual([]);
  });
});

describe('a host that is paused or gone', () => {
  test.each(['paused', 'retired', 'pending'] as const)(
    'receives nothing while it is %s, and keeps its entries pending',
    async (status) => {
      const entry = await site.insert('a.jpg');
      site.setHost('B', { status });
      const queue = openQueue();
      queue.enqueue([entry]);
      queue.wake();
      await site.letItWork();
      expect(site.backend.prepares).toEqual([]);
      expect((await site.read(entry)).pending).toEqual(['B']);
      site.setHost('B', { status: 'approved' });
      queue.wake();
      await site.waitUntilHeld([entry]);
    },
  );

  test('receives no further batch once its row is gone', async () => {
    const [first, second] = await site.insertMany(['a.jpg', 'b.jpg']);
    site.backend.answer = () => {
      site.hosts = site.hosts.filter(({ id }) => id !== 'B');
      return delivered;
    };
    openQueue({ batchFiles: 1 }).enqueue([first!, second!]);
    await site.waitUntilHeld([first!]);
    await site.letItWork();
    expect(site.backend.files).toEqual(['a.jpg v1']);
    expect((await site.read(second!)).pending).toEqual(['B']);
  });

  test('hears how many files it received', async () => {
    const entries = await site.insertMany(['a.jpg', 'b.jpg', 'c.jpg']);
    site.backend.answer = ({ path }) =>
      path === entries[0]!.path ? failWith(diskFull) : delivered;
    openQueue().enqueue(entries);
    await site.waitUntilHeld(entries.slice(1));
    expect(site.notices).toEqual([{ to: 'B', files: 2 }]);
  });
});

describe('a delivery', () => {
  test('is announced, and the ledger learns the hash of the sent bytes', async () => {
    const entry = await site.insert('a.jpg');
    const outcomes: unknown[] = [];
    site.events.on('outcome', ({ host, outcome }) => {
      outcomes.push([host, outcome.change.path, outcome.result]);
    });
    site.backend.answer = () => ({ result: 'delivered', sha256: 'ff' });
    openQueue().enqueue([entry]);
    await site.waitUntilHeld([entry]);
    expect((await site.read(entry)).info?.sha256).toBe('ff');
    expect(outcomes).toEqual([['B', entry.path, 'delivered']]);
  });

  test('that brings nothing is not announced to the receiver, and a working host is not probed', async () => {
    const entry = await site.insert('a.jpg');
    site.backend.answer = () => failWith(diskFull);
    const queue = openQueue();
    queue.enqueue([entry]);
    await until(async () => (await site.read(entry)).blocked.length > 0);
    queue.wake();
    await site.letItWork();
    expect(site.notices).toEqual([]);
    expect(site.backend.prepares).toEqual([{ to: 'B', dirs: ['uploads/photos'] }]);
  });

  test('is recorded in the state of the host at intervals, not with every batch', async () => {
    const entries = await site.insertMany(nameFiles(20));
    const queue = openQueue({ batchFiles: 1 });
    queue.enqueue(entries);
    await site.waitUntilHeld(entries);
    expect(site.backend.sends).toHaveLength(20);
    expect(site.states.length).toBeLessThan(20);
  });
});

describe('closing during a delivery', () => {
  /** The backend answers the first file once the gate is open, and the rest after the abort. */
  async function closeDuring(answerAfterAbort: typeof cancelled): Promise<{
    entries: Entry[];
    gate: ReturnType<typeof makeGate>;
    closing: Promise<void>;
  }> {
    const entries = await site.insertMany(['a.jpg', 'b.jpg', 'c.jpg']);
    const gate = makeGate();
    site.backend.answer = async ({ path }, signal) => {
      if (path === entries[0]!.path) {
        await gate.opened;
        return delivered;
      }
      return signal.aborted ? failWith(answerAfterAbort) : delivered;
    };
    const queue = openQueue();
    queue.enqueue(entries);
    await until(() => site.backend.sends.length === 1);
    return { entries, gate, closing: queue.close() };
  }

  test('acknowledges a put that is answered after it, and leaves the others pending', async () => {
    const { entries, gate, closing } = await closeDuring(cancelled);
    gate.open();
    await closing;
    const [first, ...others] = entries;
    expect(await site.read(first!)).toMatchObject({ heldBy: ['A', 'B'], pending: [] });
    for (const entry of others)
      expect(await site.read(entry)).toMatchObject({ heldBy: ['A'], pending: ['B'], blocked: [] });
    // It was not the host that failed.
    expect(site.failing).toEqual([]);
    expect(site.states.map(({ state }) => state.failure)).not.toContainEqual(cancelled);
  });

  test('waits for the running batch', async () => {
    const { gate, closing } = await closeDuring(cancelled);
    let isClosed = false;
    void closing.then(() => {
      isClosed = true;
    });
    await site.letItWork();
    expect(isClosed).toBe(false);
    gate.open();
    await closing;
  });

  test('blocks no path that fails because of it', async () => {
    const { entries, gate, closing } = await closeDuring(diskFull);
    gate.open();
    await closing;
    for (const entry of entries.slice(1))
      expect(await site.read(entry)).toMatchObject({ pending: ['B'], blocked: [] });
  });

  test('sends nothing more, whatever it hears', async () => {
    const entry = await site.insert('a.jpg');
    const queue = openQueue();
    site.backend.answer = () => failWith(unreachable);
    queue.enqueue([entry]);
    await until(() => queue.isBackingOff);
    await queue.close();
    queue.enqueue([entry]);
    queue.wake();
    queue.retryNow();
    await site.letItWork();
    expect(site.backend.sends).toHaveLength(1);
    expect((await site.read(entry)).pending).toEqual(['B']);
  });

  test('a database that is away does not keep it open', async () => {
    const entry = await site.insert('a.jpg');
    const gate = makeGate();
    const acknowledger = site.makeAcknowledger(async () => {
      await gate.opened;
      throw new Error('no database');
    });
    const queue = openQueue({}, { acknowledger });
    queue.enqueue([entry]);
    await until(() => site.backend.sends.length === 1);
    const closing = queue.close();
    gate.open();
    await closing;
    expect((await site.read(entry)).pending).toEqual(['B']);
  });

  test('does not fail if an outcome of the last batch cannot be stored', async () => {
    const acknowledger = site.makeAcknowledger(() => Promise.reject(new Error('no database')));
    const entry = await site.insert('a.jpg');
    const gate = makeGate();
    site.backend.answer = async () => {
      await gate.opened;
      return delivered;
    };
    const queue = openQueue({}, { acknowledger });
    queue.enqueue([entry]);
    await until(() => site.backend.sends.length === 1);
    const closing = queue.close();
    gate.open();
    await expect(closing).resolves.toBeUndefined();
    expect((await site.read(entry)).pending).toEqual(['B']);
  });
});
