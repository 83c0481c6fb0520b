import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Acknowledger } from '../../src/ledger/acknowledge.js';
import { DAY_MS } from '../../src/model/clock.js';
import type { Entry } from '../../src/model/entry.js';
import type { Failure } from '../../src/model/failure.js';
import { makeVersionEntry } from '../../src/decisions/entries.js';
import { fileEntry } from '../decisions/entries.js';
import { openSite, photo, type Site } from './site.js';

let site: Site, acknowledger: Acknowledger;
beforeEach(async () => {
  site = await openSite(['A', 'B', 'C']);
  acknowledger = new Acknowledger(site.ledger, site.events);
});
afterEach(() => site.close());

const full: Failure = {
  code: 'DISK_FULL',
  message: 'no space left',
  retryable: true,
  scope: 'path',
};
async function insert(name: string, fields: Partial<Entry> = {}): Promise<Entry> {
  const entry = fileEntry({ path: photo(name), pending: ['B', 'C'], ...fields });
  await site.ledger.insert(entry);
  return entry;
}
const read = async (name: string): Promise<Entry | undefined> => site.ledger.read(photo(name));

describe('acknowledging', () => {
  test('ends the pending delivery; several delivery queues at once share one write', async () => {
    const { path, version } = await insert('a.jpg');
    const told: unknown[] = [];
    site.events.on('acknowledged', (event) => {
      told.push(event);
    });
    await Promise.all([
      acknowledger.acknowledge(path, version, 'B'),
      acknowledger.acknowledge(path, version, 'C', 'ff'),
    ]);
    expect(await read('a.jpg')).toMatchObject({
      heldBy: ['A', 'B', 'C'],
      pending: [],
      info: { sha256: 'ff' },
    });
    expect(told).toEqual([{ path, version, hosts: ['B', 'C'] }]);
  });

  test('if the entry moved on, the host is pending again and no holder', async () => {
    const before = await insert('a.jpg');
    await site.ledger.replace(before.version, {
      ...before,
      version: 'v2',
      heldBy: ['A', 'B'],
      pending: ['C'],
    });
    await acknowledger.acknowledge(before.path, before.version, 'B');
    expect(await read('a.jpg')).toMatchObject({
      version: 'v2',
      heldBy: ['A'],
      pending: ['C', 'B'],
    });
  });

  test('if the entry moved on, the origin itself may be pending: it checks its own disk, and a holder may send meanwhile', async () => {
    const before = await insert('a.jpg');
    await site.ledger.replace(before.version, {
      ...before,
      version: 'v2',
      origin: 'B',
      capturedBy: 'B',
      heldBy: ['B', 'C'],
      pending: ['A'],
    });
    await acknowledger.acknowledge(before.path, before.version, 'B');
    expect(await read('a.jpg')).toMatchObject({
      origin: 'B',
      heldBy: ['C'],
      pending: ['A', 'B'],
    });
    expect(
      (await site.ledger.findPendingAtOrigin('B', 10, undefined)).map(({ path }) => path),
    ).toEqual([before.path]);
    expect((await site.ledger.findForTakeOver('C', [], 10)).map(({ path }) => path)).toEqual([
      before.path,
    ]);
  });

  test('of many at once only those whose fence failed are pending again', async () => {
    const entries = await Promise.all(Array.from({ length: 60 }, (_, i) => insert(`${i}.jpg`)));
    const moved = entries[7] as Entry;
    await site.ledger.replace(moved.version, { ...moved, version: 'v2' });
    await Promise.all(
      entries.map(({ path, version }) => acknowledger.acknowledge(path, version, 'B')),
    );
    expect(await site.ledger.count({ pending: 'B' })).toBe(1);
    expect(await read('7.jpg')).toMatchObject({
      pending: expect.arrayContaining(['B']) as string[],
    });
  });
});

describe('a blocked path', () => {
  test('is pending nowhere until its time comes, and then is delivered like any other', async () => {
    const entry = await insert('a.jpg');
    const since = new Date(0);
    await site.ledger.blockDelivery(entry, 'B', full, since, new Date(1_000));
    expect(await read('a.jpg')).toMatchObject({
      pending: ['C'],
      blocked: [{ host: 'B', failure: full }],
    });
    expect(await site.ledger.retryDueBlocked('A', new Date(500), 10)).toBe(0);
    expect(await site.ledger.retryDueBlocked('A', new Date(2_000), 10)).toBe(1);
    expect(await site.ledger.retryDueBlocked('A', new Date(2_000), 10)).toBe(0);
    const again = await read('a.jpg');
    expect(again?.pending.sort()).toEqual(['B', 'C']);
    expect(again?.blocked[0]?.since).toEqual(since);
    await acknowledger.acknowledge(entry.path, entry.version, 'B');
    expect(await read('a.jpg')).toMatchObject({ pending: ['C'], blocked: [], heldBy: ['A', 'B'] });
  });

  test('is written together with others that are blocked at the same time, each with its own failure', async () => {
    const entries = await Promise.all(Array.from({ length: 60 }, (_, i) => insert(`${i}.jpg`)));
    const moved = entries[7] as Entry;
    await site.ledger.replace(moved.version, { ...moved, version: 'v2' });
    await Promise.all(
      entries.map((entry, i) =>
        site.ledger.blockDelivery(
          entry,
          'B',
          // A pipeline takes a text that begins with a dollar sign for a field.
          { ...full, message: `$pending ${i}` },
          new Date(i),
          undefined,
        ),
      ),
    );
    expect(await site.ledger.count({ blocked: 'B' })).toBe(59);
    expect(await read('7.jpg')).toMatchObject({ pending: ['B', 'C'], blocked: [] });
    expect(await read('8.jpg')).toMatchObject({
      pending: ['C'],
      blocked: [{ host: 'B', failure: { message: '$pending 8' }, since: new Date(8) }],
    });
  });

  test('that is blocked again replaces the earlier failure of that host alone', async () => {
    const entry = await insert('a.jpg');
    await site.ledger.blockDelivery(entry, 'B', full, new Date(0), new Date(1_000));
    await site.ledger.blockDelivery(entry, 'C', full, new Date(0), undefined);
    await site.ledger.retryDueBlocked('A', new Date(2_000), 10);
    await site.ledger.blockDelivery(
      entry,
      'B',
      { ...full, message: 'again' },
      new Date(0),
      undefined,
    );
    const now = await read('a.jpg');
    expect(now?.pending).toEqual([]);
    expect(now?.blocked.map(({ host, failure }) => [host, failure.message])).toEqual([
      ['C', full.message],
      ['B', 'again'],
    ]);
  });

  test('is delivered at once if the clock that set its time was set back since', async () => {
    const entry = await insert('a.jpg'),
      now = new Date();
    const ahead = new Date(now.getTime() + 365 * DAY_MS);
    await site.ledger.blockDelivery(entry, 'B', full, ahead, ahead);
    expect(await site.ledger.retryDueBlocked('A', now, 10)).toBe(1);
    expect((await read('a.jpg'))?.pending.sort()).toEqual(['B', 'C']);
  });

  test('that waits for a person stays blocked', async () => {
    const entry = await insert('a.jpg');
    await site.ledger.blockDelivery(entry, 'B', full, new Date(), undefined);
    expect(await site.ledger.retryDueBlocked('A', new Date(2 ** 42), 10)).toBe(0);
  });
});

describe('the pending entries of a delivery queue', () => {
  test('are half the newest and half the oldest, only those of its origin, and only files that the origin has', async () => {
    for (let i = 0; i < 10; i++) await insert(`${i}.jpg`, { capturedAt: new Date(1_000 * i) });
    await insert('gone.jpg', { heldBy: ['C'], capturedAt: new Date(99_000) });
    await insert('other.jpg', { origin: 'C', heldBy: ['C'], capturedAt: new Date(99_000) });
    const names = (await site.ledger.findPending('B', 'A', 4)).map(({ path }) =>
      path.split('/').pop(),
    );
    expect(names.sort()).toEqual(['0.jpg', '1.jpg', '8.jpg', '9.jpg']);
    expect(await site.ledger.findPending('B', 'A', 100)).toHaveLength(10);
    expect(await site.ledger.findPending('B', 'A', 1)).toHaveLength(1);
    expect(await site.ledger.findPending('B', 'A', 0)).toEqual([]);
    expect(await site.ledger.hasPending('A', ['B'])).toBe(true);
    expect(await site.ledger.hasPending('A', ['D'])).toBe(false);
  });
});

test('an entry of an origin with another clock is due at once, to the origin and to any host that takes over', async () => {
  const path = photo('a.jpg'),
    now = new Date(Date.now() + 3_600_000);
  const facts = { size: 1, mtime: 1, nanos: 0 };
  await site.ledger.insert(
    makeVersionEntry(undefined, facts, { path, version: 'v1', me: 'A', wantedBy: ['B'], now }),
  );
  expect(await site.ledger.findPending('B', 'A', 10)).toHaveLength(1);
});

test('an entry that was postponed is due at once if the clock was set back since', async () => {
  const entry = await insert('a.jpg');
  await site.ledger.postpone(entry, new Date(Date.now() + 60_000));
  expect(await site.ledger.hasPending('A', ['B'])).toBe(false);
  await site.ledger.postpone(entry, new Date(Date.now() + 365 * DAY_MS));
  expect(await site.ledger.hasPending('A', ['B'])).toBe(true);
  expect(await site.ledger.findPending('B', 'A', 10)).toHaveLength(1);
});

test('sync dirs that cannot be sent to are left out of the pending entries', async () => {
  await insert('a.jpg');
  await insert('inner/b.jpg');
  const found = await site.ledger.findPending('B', 'A', 10, [photo('inner')]);
  expect(found.map(({ path }) => path)).toEqual([photo('a.jpg')]);
});

describe('taking over', () => {
  test('finds the pending entries of a gone origin, and the blocked ones', async () => {
    const entry = await insert('a.jpg', { heldBy: ['B'], pending: ['C'] });
    await site.ledger.blockDelivery(entry, 'C', full, new Date(), new Date());
    await insert('done.jpg', { heldBy: ['B', 'C'], pending: [] });
    expect((await site.ledger.findForTakeOver('B', ['A'], 10)).map(({ path }) => path)).toEqual([
      entry.path,
    ]);
  });

  test('lets a host send a tombstone without holding it', async () => {
    const { info: _, ...entry } = fileEntry({
      path: photo('a.jpg'),
      kind: 'tombstone',
      pending: ['B', 'C'],
      heldBy: ['A'],
    });
    await site.ledger.insert(entry);
    const [found] = await site.ledger.findForTakeOver('B', ['A'], 10);
    await site.ledger.takeOver(found as Entry, 'B');
    expect(await site.ledger.findPending('C', 'B', 10)).toHaveLength(1);
  });

  test('succeeds once, by a holder, if the origin no longer holds the file', async () => {
    const entry = await insert('a.jpg', { heldBy: ['A', 'B'] });
    await site.ledger.removeHolder(entry, 'A');
    const [found] = await site.ledger.findForTakeOver('B', [], 10);
    expect(found?.path).toBe(entry.path);
    expect(
      await Promise.all([
        site.ledger.takeOver(found as Entry, 'B'),
        site.ledger.takeOver(found as Entry, 'B'),
      ]),
    ).toEqual(expect.arrayContaining([true, false]));
    expect(await read('a.jpg')).toMatchObject({ origin: 'B' });
    expect(await site.ledger.findForTakeOver('B', [], 10)).toEqual([]);
  });

  test('fails on a host that lacks the bytes', async () => {
    const entry = await insert('a.jpg', { heldBy: ['A'] });
    await site.ledger.removeHolder(entry, 'A');
    expect(await site.ledger.findForTakeOver('B', [], 10)).toEqual([]);
    expect(await site.ledger.takeOver(entry, 'B')).toBe(false);
  });
});

test('a retired host has nothing pending and holds nothing', async () => {
  await insert('a.jpg', { heldBy: ['A', 'B'] });
  await site.ledger.forgetHosts(['B', 'C']);
  expect(await read('a.jpg')).toMatchObject({ heldBy: ['A'], pending: [] });
});
