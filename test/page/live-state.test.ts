import { describe, expect, test } from 'vitest';
import {
  backOffMs,
  firstState,
  reduceLive,
  type LiveEvent,
  type LiveState,
} from '../../src/page/live/live-state.js';
import { mergeChange } from '../../src/page/live/reading.js';
import { makeHost, makeOverview, toWire } from './fake-data.js';

const overview = toWire(makeOverview());
const later = '2026-11-27T14:31:20Z';

const play = (...events: LiveEvent[]): LiveState => events.reduce(reduceLive, firstState);
const read: LiveEvent = { type: 'overview', overview, now: 1_000 };
const newer: LiveEvent = {
  type: 'change',
  change: { at: later, id: 'o2', headline: 'new' },
  now: 11_000,
};

describe('a change of the overview', () => {
  test('replaces the hosts that it has, and lets the others age by the time between', () => {
    const web1 = toWire(makeHost('web1', { note: 'changed', deliveredSecondsAgo: 0 }));
    const { hosts, headline } = mergeChange(overview, { at: later, id: 'o2', hosts: [web1] });
    expect(headline).toBe(overview.headline);
    expect(hosts.find(({ hostname }) => hostname === 'web1')).toEqual(web1);
    expect(hosts.find(({ hostname }) => hostname === 'web3')).toMatchObject({
      oldestSeconds: 734,
      deliveredSecondsAgo: 741,
      nextTrySeconds: 28,
      failures: [{ sinceSeconds: 734 }, { sinceSeconds: 729, nextTrySeconds: 2 }],
    });
  });

  test('orders the hosts anew, and drops those that are gone', () => {
    const order = ['id-web6', 'id-web1'];
    expect(mergeChange(overview, { at: later, id: 'o2', order }).hosts.map(({ id }) => id)).toEqual(
      order,
    );
  });

  test('never counts a remaining time below zero', () => {
    const [host] = mergeChange(overview, { at: '2026-11-27T15:00:00Z', id: 'o2' }).hosts;
    expect(host?.nextTrySeconds).toBe(0);
  });

  test('ends that the database does not answer, unless it says so itself', () => {
    const unavailable = {
      since: later,
      code: 'NO_CONNECTION' as const,
      message: 'gone',
      remedy: 'look',
    };
    const stale = { ...overview, unavailable };
    expect(mergeChange(stale, { at: later, id: 'o2' }).unavailable).toBeUndefined();
    expect(mergeChange(overview, { at: later, id: 'o2', unavailable }).unavailable).toEqual(
      unavailable,
    );
  });
});

describe('the live state', () => {
  test('shows an overview as soon as it is read', () => {
    const state = play({ type: 'opened' }, read);
    expect(state.connection).toBe('live');
    expect(state.shown).toEqual({ overview, readAt: 1_000 });
  });

  test('shows nothing of a change before any overview', () => {
    expect(play(newer).shown).toBeUndefined();
  });

  test('while it is paused shows what it showed, and counts the changes', () => {
    const paused = play(read, { type: 'paused', by: 'reader', now: 2_000 }, newer, newer);
    expect(paused.shown?.overview.id).toBe('o1');
    expect(paused.paused).toEqual({ by: 'reader', at: 2_000, changes: 1 });
    const resumed = reduceLive(paused, { type: 'resumed' });
    expect(resumed.paused).toBeUndefined();
    expect(resumed.shown?.overview.headline).toBe('new');
  });

  test('an overview is shown even while it is paused if there was none before', () => {
    expect(play({ type: 'paused', by: 'reader', now: 0 }, read).shown?.overview).toEqual(overview);
  });

  test('keeps what is known when the stream breaks, and polls after three failures', () => {
    const lost = (failures: number): LiveEvent => ({ type: 'lost', failures, retryAt: 5_000 });
    const once = play({ type: 'opened' }, read, lost(1));
    expect([once.connection, once.shown?.overview.id, once.retryAt]).toEqual(['lost', 'o1', 5_000]);
    expect(play(read, lost(1), lost(2), lost(3)).connection).toBe('polling');
    expect(reduceLive(once, { type: 'opened' })).toMatchObject({ connection: 'live', failures: 0 });
  });

  test('a problem ends when something is read', () => {
    const refused = play(read, {
      type: 'refused',
      problem: { message: 'no', code: 'NO_CONNECTION' },
    });
    expect(refused.problem?.code).toBe('NO_CONNECTION');
    expect(reduceLive(refused, read).problem).toBeUndefined();
  });

  test('files that came while it was paused are shown once it is resumed', () => {
    const [before, after] = [{ files: [] }, { files: [], id: 'later' }];
    const paused = play(
      { type: 'files', files: before },
      { type: 'paused', by: 'reader', now: 0 },
      { type: 'files', files: after },
    );
    expect(paused.files).toEqual(before);
    expect(reduceLive(paused, { type: 'resumed' }).files).toEqual(after);
    const left = reduceLive(reduceLive(paused, { type: 'unwatched' }), { type: 'resumed' });
    expect(left.files).toBeUndefined();
  });

  test('files of another path are dropped', () => {
    const files = { files: [] };
    expect(play({ type: 'files', files }).files).toEqual(files);
    expect(play({ type: 'files', files }, { type: 'unwatched' }).files).toBeUndefined();
  });
});

test('the delay doubles up to 30 s, and half of it is random', () => {
  expect([1, 2, 3, 6, 20].map((failures) => backOffMs(failures, 1))).toEqual([
    1_000, 2_000, 4_000, 30_000, 30_000,
  ]);
  expect(backOffMs(3, 0)).toBe(2_000);
});
