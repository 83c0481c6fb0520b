import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LeaderContext } from '../../../src/context/leader-context.js';
import { ForgetRetired } from '../../../src/leader/jobs/forget-retired.js';
import { DAY_MS } from '../../../src/model/clock.js';
import type { Entry } from '../../../src/model/entry.js';
import type { Host } from '../../../src/model/host.js';
import { fileEntry, tombstoneEntry } from '../../decisions/entries.js';
import { openSite, photo, type Site } from '../../ledger/site.js';

const failure = { code: 'DISK_FULL', message: 'full', retryable: true, scope: 'path' } as const;
let site: Site;
let hosts: Partial<Host>[];
let aheadMs: number;
beforeEach(async () => {
  site = await openSite(['A', 'B', 'C']);
  aheadMs = 0;
  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs);
  hosts = [
    { id: 'A', status: 'approved', updatedAt: new Date() },
    { id: 'B', status: 'approved', updatedAt: new Date() },
    { id: 'C', status: 'retired', updatedAt: new Date() },
  ];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await site.close();
});

function makeJob(): ForgetRetired {
  const registry = { all: () => hosts } as unknown as LeaderContext['registry'];
  return new ForgetRetired({ ledger: site.ledger, registry });
}
const insert = (name: string, fields: Partial<Entry>, make = fileEntry): Promise<unknown> =>
  site.ledger.insert(make({ path: photo(name), heldBy: ['A'], pending: [], ...fields }));
const read = (name: string): Promise<Entry | undefined> => site.ledger.read(photo(name));

test('a host that was written into entries after it was retired is removed from them a minute later', async () => {
  const job = makeJob();
  await job.pollThoroughly();
  await insert('late-delivery.jpg', { heldBy: ['A', 'C'] });
  await insert('only-there.jpg', { origin: 'C', heldBy: ['C'] });
  await insert('older-list.jpg', { pending: ['B', 'C'] });
  await insert('removed.jpg', { pending: ['C'] }, tombstoneEntry);
  const blocked = { failure, since: new Date(), retryAt: new Date() };
  await insert('blocked.jpg', { blocked: ['B', 'C'].map((host) => ({ host, ...blocked })) });
  aheadMs += 50_000;
  await job.pollThoroughly();
  expect((await read('late-delivery.jpg'))?.heldBy).toEqual(['A', 'C']);
  aheadMs += 20_000;
  await job.pollThoroughly();
  expect(await read('late-delivery.jpg')).toMatchObject({ heldBy: ['A'], pending: [] });
  expect(await read('only-there.jpg')).toMatchObject({ heldBy: [], pending: [] });
  expect(await read('older-list.jpg')).toMatchObject({ heldBy: ['A'], pending: ['B'] });
  expect(await read('removed.jpg')).toMatchObject({ kind: 'tombstone', pending: [] });
  expect((await read('blocked.jpg'))?.blocked.map(({ host }) => host)).toEqual(['B']);
});

test('the ledger is searched again if that failed, and not once it succeeded', async () => {
  const forget = vi.spyOn(site.ledger, 'forgetHosts');
  const job = makeJob();
  await job.pollThoroughly();
  aheadMs += 61_000;
  forget.mockRejectedValueOnce(new Error('no primary'));
  await expect(job.pollThoroughly()).rejects.toThrow('no primary');
  await job.pollThoroughly();
  await job.pollThoroughly();
  expect(forget.mock.calls).toEqual([[['C']], [['C']]]);
  hosts[1] = { ...hosts[1], status: 'retired', updatedAt: new Date() };
  await job.pollThoroughly();
  aheadMs += 61_000;
  await job.pollThoroughly();
  expect(forget.mock.calls.slice(2)).toEqual([[['B']]]);
});

test('hosts that were retired long ago are not searched for', async () => {
  const forget = vi.spyOn(site.ledger, 'forgetHosts');
  hosts[2] = { ...hosts[2], updatedAt: new Date(Date.now() - 8 * DAY_MS) };
  const job = makeJob();
  await job.pollThoroughly();
  aheadMs += 61_000;
  await job.pollThoroughly();
  expect(forget).not.toHaveBeenCalled();
});
