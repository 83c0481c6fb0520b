import { afterEach, beforeEach, expect, test } from 'vitest';
import { supersededLimit } from '../../src/decisions/entries.js';
import type { Entry } from '../../src/model/entry.js';
import { openSite, photo, type Site, type SiteReplica } from './site.js';

/** Both hosts hold a file that was replaced more often than its entry remembers. */
let site: Site, a: SiteReplica, b: SiteReplica;
const cat = photo('cat.jpg'),
  named = { why: 'named' } as const,
  scan = { why: 'scan' } as const;

beforeEach(async () => {
  site = await openSite(['A', 'B']);
  [a, b] = [await site.replica('A'), await site.replica('B')];
});
afterEach(() => site.close());

async function readEntry(): Promise<Entry> {
  const entry = await site.ledger.read(cat);
  if (!entry) throw new Error('no entry');
  return entry;
}

async function replaceOften(mtimeOf: (version: number) => number): Promise<void> {
  for (let version = 0; version <= supersededLimit; version++) {
    const content = 'x'.repeat(version + 1);
    await a.write(cat, content, mtimeOf(version));
    await a.reconciler.reconcilePaths([cat], named);
    await b.write(cat, content, mtimeOf(version));
    await b.reconciler.reconcilePaths([cat], named);
  }
  const { heldBy, superseded } = await readEntry();
  expect([heldBy, superseded.length]).toEqual([['A', 'B'], supersededLimit]);
}

const rising = (version: number): number => 1_000 + version;
/** A replica on A's disk whose leader begins later than everything that the test writes now. */
const restart = (): Promise<SiteReplica> =>
  site.replica('A', {
    downtime: { since: new Date(Date.now() - 60_000), until: new Date(Date.now() + 60_000) },
  });

test('a file older than all remembered versions that came during the downtime is no version: the current one is pending', async () => {
  await replaceOften(rising);
  const { version } = await readEntry();
  await a.write(cat, "yesterday's", 1);
  const restarted = await restart();
  await restarted.reconciler.reconcilePaths([cat], scan);
  expect(await readEntry()).toMatchObject({ version, heldBy: ['B'], pending: ['A'] });
});

test('an upload with a date before all remembered versions is a version where a scan finds it, also if its save came before it', async () => {
  await replaceOften(rising);
  // The save sees the current file.
  await a.reconciler.reconcilePaths([cat], { ...named, savedAt: new Date() });
  await a.write(cat, 'copied with its date', 1);
  await a.reconciler.reconcilePaths([cat], scan);
  expect(await readEntry()).toMatchObject({ info: { size: 20 }, heldBy: ['A'], pending: ['B'] });
});

test('a file that always has the same date is a version at each replacement, also if it came during the downtime', async () => {
  const always = 500_000_000;
  await replaceOften(() => always);
  const restarted = await restart();
  await a.write(cat, 'unpacked once more than so often', always);
  await restarted.reconciler.reconcilePaths([cat], scan);
  expect(await readEntry()).toMatchObject({ info: { size: 32 }, heldBy: ['A'], pending: ['B'] });
});
