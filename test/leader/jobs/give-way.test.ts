import { afterEach, expect, test, vi } from 'vitest';
import { giveWay } from '../../../src/leader/jobs/give-way.js';

const never = new AbortController().signal;

afterEach(() => {
  vi.useRealTimers();
});

/** Deliveries that end before they are asked about for the `count`-th time. */
function makeDeliveries(count: number): { hasTraffic: () => boolean; asked: () => number } {
  let asked = 0;
  return { hasTraffic: () => ++asked < count, asked: () => asked };
}

test('the history waits until nothing is delivered', async () => {
  const deliveries = makeDeliveries(3);
  await giveWay(deliveries, never);
  expect(deliveries.asked()).toBe(3);
});

test('the history waits for deliveries that go on for five seconds', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  let asked = 0;
  await giveWay(
    {
      hasTraffic: () => {
        asked++;
        vi.advanceTimersByTime(1_000);
        return true;
      },
    },
    never,
  );
  expect(asked).toBe(5);
});

test('what is urgent does not wait', async () => {
  const deliveries = makeDeliveries(Infinity);
  await giveWay(deliveries, never, () => deliveries.asked() > 1);
  expect(deliveries.asked()).toBe(2);
});

test('a leader that ends does not wait', async () => {
  const deliveries = makeDeliveries(Infinity);
  await expect(giveWay(deliveries, AbortSignal.abort())).rejects.toThrow(/abort/);
});
