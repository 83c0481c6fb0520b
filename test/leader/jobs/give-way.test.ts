import { expect, test } from 'vitest';
import { giveWay } from '../../../src/leader/jobs/give-way.js';

const never = new AbortController().signal;

/** Deliveries that end before they are asked about for the `count`-th time. */
function makeDeliveries(count: number): { isDelivering: () => boolean; asked: () => number } {
  let asked = 0;
  return { isDelivering: () => ++asked < count, asked: () => asked };
}

test('the history waits until nothing is delivered', async () => {
  const deliveries = makeDeliveries(3);
  await giveWay(deliveries, Infinity, never);
  expect(deliveries.asked()).toBe(3);
});

test('the history does not wait for deliveries that go on', async () => {
  const deliveries = makeDeliveries(Infinity);
  await giveWay(deliveries, performance.now() + 1, never);
  expect(deliveries.asked()).toBeGreaterThan(0);
});

test('what is urgent does not wait', async () => {
  const deliveries = makeDeliveries(Infinity);
  await giveWay(deliveries, Infinity, never, () => deliveries.asked() > 1);
  expect(deliveries.asked()).toBe(2);
});

test('a leader that ends does not wait', async () => {
  const deliveries = makeDeliveries(Infinity);
  await expect(giveWay(deliveries, Infinity, AbortSignal.abort())).rejects.toThrow(/abort/);
});
