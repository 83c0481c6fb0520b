/**
 * Milliseconds to wait before try number `failures` + 1: exponential from `base`, capped, with half of it random so that many
 * senders do not return at once ("equal jitter", M. Brooker, "Exponential Backoff and Jitter").
 * @param random in [0, 1)
 */
export function backoff(failures: number, base: number, max: number, random: number): number {
  const full = Math.min(max, base * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return full / 2 + full / 2 * random;
}

/** When a blocked path is tried again: after as long as it has been blocked, between a half and sixty minutes. */
export function retryBlocked(since: Date, now: Date): Date {
  const wait = Math.min(60 * 60_000, Math.max(30_000, now.getTime() - since.getTime()));
  return new Date(now.getTime() + wait);
}
