import { describe, expect, test } from 'vitest';
import {
  mapConcurrently,
  mergeConcurrently,
  streamConcurrently,
} from '../../src/util/map-concurrently.js';

async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of all) found.push(one);
  return found;
}

describe('mapConcurrently', () => {
  test('returns the results in the order of the items, with no more at once than allowed', async () => {
    let running = 0,
      most = 0;
    const finish: (() => void)[] = [];
    const work = async (n: number): Promise<number> => {
      most = Math.max(most, ++running);
      if (n === 0) await new Promise<void>((resolve) => finish.push(resolve));
      running--;
      if (n === 3) finish[0]?.();
      return n * 10;
    };
    expect(await mapConcurrently([0, 1, 2, 3], 2, work)).toEqual([0, 10, 20, 30]);
    expect(most).toBe(2);
    expect(await mapConcurrently([], 2, work)).toEqual([]);
  });

  test('throws the first failure once the running calls have ended, and starts no more', async () => {
    const started: number[] = [],
      ended: number[] = [];
    const work = async (n: number): Promise<void> => {
      started.push(n);
      if (n === 1) throw new Error('one');
      await new Promise((resolve) => setImmediate(resolve));
      ended.push(n);
    };
    await expect(mapConcurrently([0, 1, 2, 3], 2, work)).rejects.toThrow('one');
    expect(started).toEqual([0, 1]);
    expect(ended).toEqual([0]);
  });
});

test('gives each result once, as it comes, with no more at once than allowed', async () => {
  let running = 0,
    most = 0;
  const finish: (() => void)[] = [];
  const work = async (n: number): Promise<number> => {
    most = Math.max(most, ++running);
    if (n === 0)
      await new Promise<void>((resolve) => {
        finish.push(resolve);
      });
    running--;
    if (n === 4) finish[0]?.();
    return n;
  };
  expect(await collect(streamConcurrently([0, 1, 2, 3, 4, 5], 2, work))).toEqual(
    expect.arrayContaining([0, 1, 2, 3, 4, 5]),
  );
  expect(most).toBe(2);
  expect(await collect(streamConcurrently([], 2, work))).toEqual([]);
});

test('a throw comes out after the running calls have ended, and no more are started', async () => {
  const started: number[] = [],
    ended: number[] = [];
  const work = async (n: number): Promise<number> => {
    started.push(n);
    if (n === 1) throw new Error('one');
    await new Promise((resolve) => setImmediate(resolve));
    ended.push(n);
    return n;
  };
  await expect(collect(streamConcurrently([0, 1, 2, 3], 2, work))).rejects.toThrow('one');
  expect(started).toEqual([0, 1]);
  expect(ended).toEqual([0]);
});

test.each([
  [
    'inParallel',
    () =>
      streamConcurrently([0, 1], 2, (n) =>
        n === 0 ? Promise.resolve(n) : Promise.reject(new Error('one')),
      ),
  ],
  [
    'interleave',
    () =>
      mergeConcurrently(
        [
          (async function* one() {
            yield 0;
            await Promise.reject(new Error('one'));
          })(),
        ],
        1,
      ),
  ],
] as const)(
  '%s: a failure while the consumer works waits for its next request',
  async (_, begin: () => AsyncGenerator<number>) => {
    const unhandled: unknown[] = [],
      note = (error: unknown): void => {
        unhandled.push(error);
      };
    process.on('unhandledRejection', note);
    const all = begin();
    expect(await all.next()).toEqual({ done: false, value: 0 });
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
    await expect(all.next()).rejects.toThrow('one');
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  },
);

describe('interleave', () => {
  async function* give(
    name: string,
    count: number,
    onEnd: (name: string) => void = () => undefined,
  ): AsyncGenerator<string> {
    try {
      for (let i = 0; i < count; i++) {
        await new Promise((resolve) => setImmediate(resolve));
        yield `${name}${String(i)}`;
      }
    } finally {
      onEnd(name);
    }
  }

  test('gives all that several generators give, each in its own order, with no more of them at once than allowed', async () => {
    const order: string[] = [],
      ended: string[] = [];
    function* all(): Generator<AsyncGenerator<string>> {
      for (const name of ['a', 'b', 'c']) {
        order.push(`${name} after ${ended.join('')}`);
        yield give(name, 2, (one) => {
          ended.push(one);
        });
      }
    }
    const got = await collect(mergeConcurrently(all(), 2));
    expect([...got].sort()).toEqual(['a0', 'a1', 'b0', 'b1', 'c0', 'c1']);
    for (const name of ['a', 'b', 'c'])
      expect(got.filter((one) => one.startsWith(name))).toEqual([`${name}0`, `${name}1`]);
    expect(order).toEqual(['a after ', 'b after ', expect.stringMatching(/^c after [ab]/)]);
    expect(got.indexOf('b0')).toBeLessThan(got.indexOf('a1'));
  });

  test('a throw comes out after the others were ended', async () => {
    const ended: string[] = [];
    async function* fail(): AsyncGenerator<string> {
      yield await Promise.resolve('once');
      throw new Error('broken');
    }
    await expect(
      collect(
        mergeConcurrently(
          [
            give('a', 100, (one) => {
              ended.push(one);
            }),
            fail(),
          ],
          2,
        ),
      ),
    ).rejects.toThrow('broken');
    expect(ended).toEqual(['a']);
  });

  test('a consumer that stops ends all of them', async () => {
    const ended: string[] = [];
    for await (const one of mergeConcurrently(
      [
        give('a', 100, (name) => {
          ended.push(name);
        }),
        give('b', 100, (name) => {
          ended.push(name);
        }),
      ],
      2,
    )) {
      expect(one).toMatch(/^[ab]0$/);
      break;
    }
    expect(ended.sort()).toEqual(['a', 'b']);
  });
});
