import { expect, test } from 'vitest';
import type { Overview } from '../../src/api/overview.js';
import { SyncMediaError } from '../../src/model/errors.js';
import { SharedOverview } from '../../src/overview/shared-overview.js';

const at = new Date('2026-01-02T12:00:00Z');
const limits = { pauseMs: 1_000, waitMs: 50, hasteMs: 10, abandonMs: 30_000 };

/** A shared overview whose clock and readings the test controls. */
function makeShared() {
  let now = 0,
    reads = 0,
    durationMs = 0;
  let answer: () => Promise<Overview> = async () => makeOverview(reads);
  const shared = new SharedOverview(
    () => {
      reads++;
      now += durationMs;
      return answer();
    },
    () => now,
    limits,
  );
  return {
    shared,
    countReads: () => reads,
    pass: (ms: number) => (now += ms),
    readFor: (ms: number) => (durationMs = ms),
    answerWith: (next: () => Promise<Overview>) => (answer = next),
  };
}

function makeOverview(entries: number): Overview {
  return {
    at,
    id: String(entries),
    headline: 'Everything is everywhere',
    entries,
    missing: { count: 0, capped: false },
    captures: { count: { count: 0, capped: false } },
    hosts: [],
    needs: [],
    runs: [],
    recent: [],
  };
}

test('callers at the same time share one reading, and nobody asks for another within a second', async () => {
  const { shared, countReads, pass } = makeShared();
  const [one, two] = await Promise.all([shared.get(), shared.get()]);
  expect(one).toBe(two);
  pass(999);
  expect(await shared.get()).toBe(one);
  expect(countReads()).toBe(1);
  pass(1);
  expect((await shared.get()).entries).toBe(2);
});

test.each([
  ['of nine times its duration', 500, 4_500],
  ['of ten seconds at most', 3_000, 10_000],
])('a slow reading is followed by a pause %s', async (_, durationMs, pauseMs) => {
  const { shared, countReads, pass, readFor } = makeShared();
  readFor(durationMs);
  await shared.get();
  pass(pauseMs - 1);
  await shared.get();
  expect(countReads()).toBe(1);
  pass(1);
  await shared.get();
  expect(countReads()).toBe(2);
});

test('nothing is read while nobody asks', async () => {
  const { countReads, pass } = makeShared();
  pass(60_000);
  expect(countReads()).toBe(0);
});

test('a database that went away leaves the last reading, and says since when and what to do', async () => {
  const { shared, pass, answerWith } = makeShared();
  const before = await shared.get();
  expect(before.unavailable).toBeUndefined();
  pass(5_000);
  answerWith(() => Promise.reject(new SyncMediaError('NO_CONNECTION', 'it is closed')));
  const away = await shared.get();
  expect(away).toMatchObject({
    entries: 1,
    at,
    unavailable: {
      since: new Date(at.getTime() + 5_000),
      code: 'NO_CONNECTION',
      message: 'it is closed',
      remedy: expect.stringContaining('the database runs') as string,
    },
  });
  pass(5_000);
  expect((await shared.get()).unavailable?.since).toEqual(away.unavailable?.since);
  answerWith(async () => makeOverview(9));
  pass(5_000);
  expect(await shared.get()).toEqual(makeOverview(9));
});

test('the first reading fails with the error of the database', async () => {
  const { shared, answerWith } = makeShared();
  answerWith(() => Promise.reject(new Error('not primary')));
  await expect(shared.get()).rejects.toThrow('not primary');
});

test('callers wait for a limited time, and no second reading begins beside one that hangs', async () => {
  const { shared, countReads, pass, answerWith } = makeShared();
  await shared.get();
  let end: (overview: Overview) => void = () => undefined;
  answerWith(() => new Promise((resolve) => (end = resolve)));
  pass(2_000);
  expect((await shared.get()).unavailable?.code).toBe('TIMED_OUT');
  pass(2_000);
  expect((await shared.get()).unavailable?.code).toBe('TIMED_OUT');
  expect(countReads()).toBe(2);
  // Its late answer is the newest all the same.
  end(makeOverview(7));
  await new Promise(setImmediate);
  expect(await shared.get()).toEqual(makeOverview(7));
});

test('nobody waits long for a reading while the last one is recent, and the next caller gets it', async () => {
  const { shared, countReads, pass, answerWith } = makeShared();
  const first = await shared.get();
  let end: (overview: Overview) => void = () => undefined;
  answerWith(() => new Promise((resolve) => (end = resolve)));
  pass(1_999);
  expect(await shared.get()).toBe(first);
  expect(await shared.get()).toBe(first);
  expect(countReads()).toBe(2);
  end(makeOverview(7));
  await shared.close();
  expect((await shared.get()).entries).toBe(7);
});

test('a reading that never ends is given up after half a minute', async () => {
  const { shared, pass, answerWith } = makeShared();
  answerWith(() => new Promise(() => undefined));
  await expect(shared.get()).rejects.toThrow('the database did not answer');
  answerWith(async () => makeOverview(5));
  pass(30_000);
  expect((await shared.get()).entries).toBe(5);
});

test('it ends with its instance: close waits for a reading under way', async () => {
  const { shared, answerWith } = makeShared();
  let ended = false;
  answerWith(async () => {
    await Promise.resolve();
    ended = true;
    return makeOverview(1);
  });
  const asked = shared.get();
  await shared.close();
  expect(ended).toBe(true);
  await expect(asked).resolves.toBeDefined();
});
