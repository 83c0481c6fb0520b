import { describe, expect, test } from 'vitest';
import { isTooSlow } from '../../src/serving/is-too-slow.js';
import { RecentFailures } from '../../src/serving/recent-failures.js';
import { Shares } from '../../src/serving/source-semaphores.js';
import { Slots } from '../../src/serving/semaphore.js';
import { Sources } from '../../src/serving/source-ranking.js';
import type { Entry, Host, Path } from '../../src/model/words.js';
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
    const slots = new Slots(1, 1, 60_000);
    const free = await slots.take();
    let second: (() => void) | undefined;
    const waiting = slots.take().then((got) => {
      second = got;
    });
    expect(await slots.take()).toBeUndefined();
    expect(second).toBeUndefined();
    free?.();
    free?.();
    await waiting;
    expect(second).toBeTypeOf('function');
    second?.();
    expect(await slots.take()).toBeTypeOf('function');
  });
  test('let nobody wait for longer than the limit, and lose no slot by it', async () => {
    const slots = new Slots(1, 1, 20);
    const free = await slots.take();
    expect(await slots.take()).toBeUndefined();
    free?.();
    const next = await slots.take();
    expect(next).toBeTypeOf('function');
    const waiting = slots.take();
    next?.();
    expect(await waiting).toBeTypeOf('function');
    expect(await slots.take()).toBeUndefined();
  });
});

describe('shares', () => {
  test(
    'of one source are used up without those of another, are waited for only where that is ' +
      'asked for, and are free again',
    async () => {
      const shares = new Shares(1, 1, 60_000);
      const free = await shares.take('slow', false);
      expect(free).toBeTypeOf('function');
      expect(await shares.take('slow', false)).toBeUndefined();
      expect(await shares.take('other', false)).toBeTypeOf('function');
      const waiting = shares.take('slow', true);
      free?.();
      (await waiting)?.();
      expect(await shares.take('slow', false)).toBeTypeOf('function');
    },
  );
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
  const rank = (sources: Sources, hosts: Host[], heldBy: string[]): string[] =>
    sources.rank(entry(heldBy), hosts, 'me').map(({ id }) => id);

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
      rank(new Sources(1000), hosts, ['b', 'me', 'gone', 'unready', 'elsewhere', 'passive']),
    ).toEqual(['b', 'passive']);
  });
  test(
    'begin with one never asked, then the quickest; a paused one and one that failed lately ' +
      'come last',
    () => {
      let now = 0;
      const sources = new Sources(1000, () => now);
      const hosts = [
        host('slow'),
        host('quick'),
        host('failed'),
        host('paused', { status: 'paused' }),
        host('new'),
      ];
      const all = hosts.map(({ id }) => id);
      sources.answered('slow', 50);
      sources.answered('quick', 2);
      sources.answered('paused', 1);
      sources.answered('failed', 1);
      sources.failed('failed');
      expect(rank(sources, hosts, all)).toEqual(['new', 'quick', 'slow', 'paused', 'failed']);
      now = 1000;
      expect(rank(sources, hosts, all)).toEqual(['new', 'failed', 'quick', 'slow', 'paused']);
    },
  );
  test(
    'of what is only captured are its capturers, ready or not, in their order; one that ' +
      'failed lately comes last',
    () => {
      let now = 0;
      const sources = new Sources(1000, () => now);
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
        sources.rankCaptured('uploads/a' as Path, captured, hosts, 'me').map((one) => one.host.id);
      expect(ranked()).toEqual(['b', 'unready', 'a']);
      sources.failed('b');
      expect(ranked()).toEqual(['unready', 'a', 'b']);
      now = 1000;
      expect(ranked()).toEqual(['b', 'unready', 'a']);
    },
  );
});
