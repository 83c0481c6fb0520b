import { describe, expect, test } from 'vitest';
import { isTooSlow } from '../../src/serving/is-too-slow.js';
import { RecentFailures } from '../../src/serving/recent-failures.js';
import { SourceSemaphores } from '../../src/serving/source-semaphores.js';
import { Semaphore } from '../../src/serving/semaphore.js';
import { SourceRanking } from '../../src/serving/source-ranking.js';
import type { Entry } from '../../src/model/entry.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import { makeHost } from '../admin/recording-instance.js';

describe('recent failures', () => {
  test('are forgotten after their time', () => {
    let now = 0;
    const failures = new RecentFailures(100, 10, () => now);
    failures.add('a');
    expect(failures.has('a')).toBe(true);
    now = 100;
    expect([failures.has('a'), failures.size]).toEqual([false, 0]);
  });
  test('are bounded, and the oldest go first', () => {
    const failures = new RecentFailures(1e9, 3);
    for (const key of ['a', 'b', 'c', 'a', 'd']) failures.add(key);
    expect([failures.size, failures.has('b'), failures.has('a')]).toEqual([3, false, true]);
  });
});

describe('slots', () => {
  test('let so many work at once, so many wait, and refuse the rest', async () => {
    const slots = new Semaphore(1, 1, 60_000);
    const free = await slots.acquire();
    let second: (() => void) | undefined;
    const waiting = slots.acquire().then((got) => {
      second = got;
    });
    expect(await slots.acquire()).toBeUndefined();
    expect(second).toBeUndefined();
    free?.();
    free?.();
    await waiting;
    expect(second).toBeTypeOf('function');
    second?.();
    expect(await slots.acquire()).toBeTypeOf('function');
  });
  test('let no caller wait longer than the limit, and lose no slot by it', async () => {
    const slots = new Semaphore(1, 1, 20);
    const free = await slots.acquire();
    expect(await slots.acquire()).toBeUndefined();
    free?.();
    const next = await slots.acquire();
    expect(next).toBeTypeOf('function');
    const waiting = slots.acquire();
    next?.();
    expect(await waiting).toBeTypeOf('function');
    expect(await slots.acquire()).toBeUndefined();
  });
});

describe('shares', () => {
  test('of one source are used up without those of another, are waited for only on request, and are free again', async () => {
    const shares = new SourceSemaphores(1, 1, 60_000);
    const free = await shares.acquire('slow', false);
    expect(free).toBeTypeOf('function');
    expect(await shares.acquire('slow', false)).toBeUndefined();
    expect(await shares.acquire('other', false)).toBeTypeOf('function');
    const waiting = shares.acquire('slow', true);
    free?.();
    (await waiting)?.();
    expect(await shares.acquire('slow', false)).toBeTypeOf('function');
  });
});

describe('the pace of a fetch', () => {
  const limits = { graceMs: 10_000, bytesPerSecond: 1_000, unreadBytesPerSecond: 100_000 };
  test.each([
    ['nothing, within the first seconds', { bytes: 0, ms: 10_000, isRead: true }, false],
    ['nothing, later', { bytes: 0, ms: 10_001, isRead: true }, true],
    ['the least that is allowed', { bytes: 20_000, ms: 30_000, isRead: true }, false],
    ['less', { bytes: 19_999, ms: 30_001, isRead: true }, true],
    ['as much where nobody reads it', { bytes: 20_000, ms: 30_000, isRead: false }, true],
    [
      'a line that was quick before and stands still',
      { bytes: 1_000_000, ms: 60_000, isRead: true },
      false,
    ],
  ])('%s', (_what, fetched, expected) => {
    expect(isTooSlow(fetched, limits)).toBe(expected);
  });
});

describe('sources', () => {
  const ready = new Date();
  const host = (id: string, over: Partial<Host> = {}): Host =>
    makeHost({ id, hostname: id, syncDirs: [], readyAt: ready, ...over });
  const entry = (heldBy: string[]): Entry =>
    ({ path: 'uploads/a' as Path, heldBy, capturedBy: 'a' }) as Entry;
  const rank = (sources: SourceRanking, hosts: Host[], heldBy: string[]): string[] =>
    sources.rankHolders(entry(heldBy), hosts, 'me').map(({ id }) => id);

  test('are those that hold the file, are ready, not retired and not this host', () => {
    const { readyAt: _, ...unready } = host('unready');
    const hosts = [
      host('a'),
      host('b'),
      host('me'),
      host('gone', { status: 'retired' }),
      unready,
      host('elsewhere', { syncDirs: ['other' as Path] }),
      { ...unready, id: 'passive', passive: true },
    ];
    expect(
      rank(new SourceRanking(1000), hosts, ['b', 'me', 'gone', 'unready', 'elsewhere', 'passive']),
    ).toEqual(['b', 'passive']);
  });
  test('begin with one never tried, then the quickest; a paused one and one that failed lately come last', () => {
    let now = 0;
    const sources = new SourceRanking(1000, () => now);
    const hosts = [
      host('slow'),
      host('quick'),
      host('failed'),
      host('paused', { status: 'paused' }),
      host('new'),
    ];
    const all = hosts.map(({ id }) => id);
    sources.recordLatency('slow', 50);
    sources.recordLatency('quick', 2);
    sources.recordLatency('paused', 1);
    sources.recordLatency('failed', 1);
    sources.recordFailure('failed');
    expect(rank(sources, hosts, all)).toEqual(['new', 'quick', 'slow', 'paused', 'failed']);
    now = 1000;
    expect(rank(sources, hosts, all)).toEqual(['new', 'failed', 'quick', 'slow', 'paused']);
  });
  test('of a captured path are its capturers, ready or not, in their order; one that failed lately comes last', () => {
    let now = 0;
    const sources = new SourceRanking(1000, () => now);
    const { readyAt: _, ...unready } = host('unready');
    const hosts = [
      host('a'),
      host('b'),
      host('me'),
      host('gone', { status: 'retired' }),
      host('pending', { status: 'pending' }),
      unready,
    ];
    const captured = ['b', 'me', 'unready', 'gone', 'nobody', 'pending', 'a'].map((id) => ({
      host: id,
    }));
    const ranked = (): string[] =>
      sources
        .rankCapturingHosts('uploads/a' as Path, captured, hosts, 'me')
        .map((one) => one.host.id);
    expect(ranked()).toEqual(['b', 'unready', 'a']);
    sources.recordFailure('b');
    expect(ranked()).toEqual(['unready', 'a', 'b']);
    now = 1000;
    expect(ranked()).toEqual(['b', 'unready', 'a']);
  });
});
