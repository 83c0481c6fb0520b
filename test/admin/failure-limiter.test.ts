import { expect, test } from 'vitest';
import { FailureLimiter } from '../../src/admin/failure-limiter.js';

test('after a burst of failures each refill permits one attempt, and the wait is bounded', () => {
  let now = 0;
  const limiter = new FailureLimiter(3, 1000, () => now);
  for (let failures = 0; failures < 3; failures++) {
    expect(limiter.waitMs()).toBe(0);
    limiter.countFailure();
  }
  expect(limiter.waitMs()).toBe(1000);
  for (let failures = 0; failures < 50; failures++) limiter.countFailure();
  now = 400;
  expect(limiter.waitMs()).toBe(600);
  now = 1000;
  expect(limiter.waitMs()).toBe(0);
  limiter.countFailure();
  expect(limiter.waitMs()).toBe(1000);
  now = 1_000_000;
  for (let failures = 0; failures < 3; failures++) limiter.countFailure();
  expect(limiter.waitMs()).toBe(1000);
});
