import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

/** How long an expensive check makes us pause at most, in ms. */
const longestPause = 200;

/** What the check last came to, in a few lines. */
type Seen = { value: unknown } | { error: unknown };

/**
 * Polls until `check` returns something truthy, and returns that. What it throws counts as "not
 * yet".
 *
 * @throws when `timeout` ms (20,000) have passed; the message says what was last seen
 */
export async function until<T>(
  check: () => T | Promise<T>,
  {
    timeout = 20_000,
    interval = 20,
    what = 'the condition',
  }: { timeout?: number; interval?: number; what?: string } = {},
): Promise<Exclude<Awaited<T>, false | null | undefined | 0 | ''>> {
  const end = performance.now() + timeout;
  let seen: Seen | undefined;
  for (;;) {
    const began = performance.now();
    seen = await look(check, end, seen);
    const took = performance.now() - began;
    if ('value' in seen && seen.value)
      return seen.value as Exclude<Awaited<T>, false | null | undefined | 0 | ''>;
    if (performance.now() >= end) throw explain(what, timeout, seen);
    // An expensive check must not take the processor from the work it waits for.
    const pause = Math.max(interval, Math.min(2 * took, longestPause));
    await sleep(Math.min(pause, Math.max(0, end - performance.now())));
  }
}

/** One look, bounded too: a check that hangs is a check that does not hold. */
async function look(check: () => unknown, end: number, before: Seen | undefined): Promise<Seen> {
  const stop = new AbortController();
  const late = sleep(Math.max(0, end - performance.now()), undefined, { signal: stop.signal }).then(
    () => before ?? { error: new Error('the check itself did not come back') },
    () => ({ value: undefined }),
  );
  const looked = (async (): Promise<Seen> => ({ value: await check() }))().catch(
    (error: unknown) => ({ error }),
  );
  const first = await Promise.race([looked, late]);
  stop.abort();
  return first;
}

function explain(what: string, timeout: number, seen: Seen): Error {
  const text =
    'error' in seen
      ? `threw ${inspect(seen.error, { depth: 1 })}`
      : inspect(seen.value, { depth: 4 });
  const cause = 'error' in seen ? { cause: seen.error } : undefined;
  return new Error(`${what} did not hold within ${String(timeout)} ms; last seen: ${text}`, cause);
}
