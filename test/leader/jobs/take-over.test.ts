import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeOverOrphaned } from '../../../src/leader/jobs/take-over.js';
import type { Entry } from '../../../src/model/entry.js';
import { openSite, photo, type Site } from '../../ledger/site.js';
import { fileEntry, tombstoneEntry } from '../../decisions/entries.js';

const never = new AbortController().signal;
const failure = { code: 'DISK_FULL', message: 'full', retryable: true, scope: 'path' } as const;
let site: Site;
beforeEach(async () => {
  site = await openSite(['A', 'B', 'C', 'D']);
});
afterEach(() => site.close());

async function insert(name: string, fields: Partial<Entry>, make = fileEntry): Promise<void> {
  await site.ledger.insert(
    make({ path: photo(name), heldBy: ['A', 'B', 'C'], pending: ['D'], ...fields }),
  );
}
async function takeOver(me: string, gone: readonly string[]): Promise<string[]> {
  const offered: Entry[] = [];
  await takeOverOrphaned(
    {
      ledger: site.ledger,
      me,
      enqueue: (entries) => {
        offered.push(...entries);
      },
    },
    gone,
    never,
  );
  return offered.map(({ path }) => path.slice('uploads/photos/'.length)).sort();
}

test('a holder takes over the pending entries of a gone origin, blocked paths and removals too, and no others', async () => {
  await insert('pending.jpg', {});
  await insert('blocked.jpg', {
    pending: [],
    blocked: [{ host: 'D', failure, since: new Date(), retryAt: new Date() }],
  });
  await insert('removed.jpg', { heldBy: ['A'] }, tombstoneEntry);
  await insert('done.jpg', { pending: [] });
  await insert('not-held.jpg', { heldBy: ['A', 'C'] });
  await insert('of-another.jpg', { origin: 'C' });
  expect(await takeOver('B', ['A'])).toEqual(['blocked.jpg', 'pending.jpg', 'removed.jpg']);
  expect(await site.ledger.read(photo('pending.jpg'))).toMatchObject({
    origin: 'B',
    capturedBy: 'A',
    pending: ['D'],
  });
  expect(await takeOver('B', ['A'])).toEqual([]);
});

test('of several holders one takes over each entry, and the others are too late', async () => {
  await insert('a.jpg', {});
  const [read] = await site.ledger.findForTakeOver('C', ['A'], 10);
  if (!read) throw new Error('nothing to take over');
  expect(await takeOver('B', ['A'])).toEqual(['a.jpg']);
  expect(await site.ledger.takeOver(read, 'C')).toBe(false);
  expect((await site.ledger.read(read.path))?.origin).toBe('B');
});

test('more entries than one read holds are taken over in one go', async () => {
  const names = Array.from({ length: 600 }, (_, index) => `${index}.jpg`).sort();
  await Promise.all(names.map((name) => insert(name, {})));
  expect(await takeOver('B', ['A'])).toEqual(names);
});

test('an entry whose origin lost the bytes is taken over even if no host is gone', async () => {
  await insert('lost.jpg', { heldBy: ['B'], orphaned: true });
  expect(await takeOver('B', [])).toEqual(['lost.jpg']);
  expect((await site.ledger.read(photo('lost.jpg')))?.orphaned).toBeUndefined();
});
