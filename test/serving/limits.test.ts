import { describe, expect, test } from 'vitest';
import { RecentMisses } from '../../src/serving/recent-misses.js';
import { Slots } from '../../src/serving/slots.js';
import { Sources } from '../../src/serving/sources.js';
import type { Entry, Host, Path } from '../../src/words.js';
import { makeHost } from '../admin/recording-instance.js';

describe('recent misses', () => {
  const path = (name: string): Path => name as Path;
  test('are forgotten after their time', () => {
    let now = 0;
    const misses = new RecentMisses(100, 10, () => now);
    misses.add(path('a'), 'unknown');
    expect(misses.get(path('a'))).toBe('unknown');
    now = 100;
    expect([misses.get(path('a')), misses.size]).toEqual([undefined, 0]);
  });
  test('are bounded, and the oldest go first', () => {
    const misses = new RecentMisses(1e9, 3);
    for (const name of ['a', 'b', 'c', 'a', 'd']) misses.add(path(name), 'unavailable');
    expect([misses.size, misses.get(path('b')), misses.get(path('a'))]).toEqual([3, undefined, 'unavailable']);
  });
});

describe('slots', () => {
  test('let so many work at once, so many wait, and refuse the rest', async () => {
    const slots = new Slots(1, 1);
    const free = await slots.take();
    let second: (() => void) | undefined;
    const waiting = slots.take().then((got) => { second = got; });
    expect(await slots.take()).toBeUndefined();
    expect(second).toBeUndefined();
    free?.();
    free?.();
    await waiting;
    expect(second).toBeTypeOf('function');
    second?.();
    expect(await slots.take()).toBeTypeOf('function');
  });
});

describe('sources', () => {
  const ready = new Date();
  const host = (id: string, over: Partial<Host> = {}): Host => makeHost({ id, hostname: id, syncDirs: [], readyAt: ready, ...over });
  const entry = (heldBy: string[]): Entry => ({ path: 'uploads/a' as Path, heldBy, capturedBy: 'a' } as Entry);
  const rank = (sources: Sources, hosts: Host[], heldBy: string[]): string[] => sources.rank(entry(heldBy), hosts, 'me').map(({ id }) => id);

  test('are those that hold the file, are ready, not retired and not this host', () => {
    const { readyAt: _, ...unready } = host('unready');
    const hosts = [host('a'), host('b'), host('me'), host('gone', { status: 'retired' }), unready, host('elsewhere', { syncDirs: ['other' as Path] }), { ...unready, id: 'passive', passive: true }];
    expect(rank(new Sources(1000), hosts, ['b', 'me', 'gone', 'unready', 'elsewhere', 'passive'])).toEqual(['b', 'passive']);
  });
  test('begin with one never asked, then the quickest; a paused one and one that failed lately come last', () => {
    let now = 0;
    const sources = new Sources(1000, () => now);
    const hosts = [host('slow'), host('quick'), host('failed'), host('paused', { status: 'paused' }), host('new')];
    const all = hosts.map(({ id }) => id);
    sources.answered('slow', 50);
    sources.answered('quick', 2);
    sources.answered('paused', 1);
    sources.answered('failed', 1);
    sources.failed('failed');
    expect(rank(sources, hosts, all)).toEqual(['new', 'quick', 'slow', 'paused', 'failed']);
    now = 1000;
    expect(rank(sources, hosts, all)).toEqual(['new', 'failed', 'quick', 'slow', 'paused']);
  });
});
