/**
 * Milliseconds to wait before try number `failures` + 1. The delay grows exponentially from
 * `base` up to `max`. Half of it is random, so that many hosts do not return at once ("equal
 * jitter", M. Brooker, "Exponential Backoff and Jitter").
 * @param random in [0, 1)
 */
export function computeBackoff(
  failures: number,
  base: number,
  max: number,
  random: number,
): number {
  const full = Math.min(max, base * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return full / 2 + (full / 2) * random;
}

/**
 * When to retry a blocked path: after as long as it has been blocked, but not before `base` and not
 * after `max` milliseconds.
 */
export function computeBlockedRetry(since: Date, now: Date, base: number, max: number): Date {
  const wait = Math.min(max, Math.max(base, now.getTime() - since.getTime()));
  return new Date(now.getTime() + wait);
}
