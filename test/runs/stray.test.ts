import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Backend } from '../../src/backends/backend.js';
import { repairHere } from '../../src/runs/content.js';
import type { Progress, RunContext } from '../../src/runs/context.js';
import { pullFrom } from '../../src/runs/pull.js';
import type { Change, Entry, Host, Outcome, Run } from '../../src/words.js';
import { openSite, photo, photos, type Replica, type Site } from '../ledger/site.js';

const path = photo('a.jpg');
const other = { id: 'B', status: 'approved', passive: false, readyAt: new Date(), syncDirs: [], exclude: [], rootPath: '/srv/b' } as unknown as Host;
let site: Site, a: Replica, offered: Entry[], context: RunContext;

/** A real race of rsync with an app that writes, which no test can lose on purpose: the bytes that land are not those that were asked for. */
const racing = {
  async *compare () { yield await Promise.resolve({ path, there: { size: 3, mtime: 1_000 } }); },
  async *fetch (_: Host, [change]: readonly Change[]): AsyncGenerator<Outcome> {
    await a.write(path, 'what its app has just written');
    if (change) yield { change, via: 'rsync', bytes: 0, result: 'changed' };
  },
} as unknown as Backend;

beforeEach(async () => {
  site = await openSite(['A', 'B']);
  a = await site.replica('A');
  offered = [];
  context = {
    backend: racing, ledger: site.ledger, fold: a.fold, disk: a.disk, events: site.events, me: 'A', others: () => [other], isSafe: () => true,
    offer: (entries: readonly Entry[]) => { offered.push(...entries); },
  } as unknown as RunContext;
});
afterEach(() => site.close());

const progress = (failed: unknown[] = []): Progress => ({
  run: { dirs: [], hosts: [], dryRun: false } as unknown as Run, signal: new AbortController().signal,
  found: () => undefined, done: () => undefined, fail: (_: string, failure: unknown) => { failed.push(failure); }, would: () => undefined,
}) as unknown as Progress;

test('what a pull brings though it is not what was asked for is a version at once, not news at some later scan', async () => {
  await pullFrom(context, progress(), other, [photos]);
  expect(offered).toMatchObject([{ path, capturedBy: 'A', facts: { size: 29 } }]);
  expect(await site.ledger.read(path)).toMatchObject({ capturedBy: 'A', heldBy: ['A'], facts: { size: 29 } });
});

test('so it is where a repair brings it', async () => {
  await a.write(path, 'old');
  const [entry] = await a.fold.paths([path], { why: 'named' });
  await site.ledger.hold({ path, version: entry?.version ?? '' }, ['B']);
  const current = await site.ledger.read(path) as Entry;
  (context as { backend: Backend }).backend = { ...racing, read: () => Promise.reject(new Error('not asked')) };
  const failed: unknown[] = [];
  expect(await repairHere(context, progress(failed), photos, { ...current, facts: { size: 3, mtime: 1_000, nanos: 0 } })).toBe(false);
  expect(failed).toMatchObject([{ code: 'NO_GOOD_COPY' }]);
  expect(await site.ledger.read(path)).toMatchObject({ facts: { size: 29 } });
});
