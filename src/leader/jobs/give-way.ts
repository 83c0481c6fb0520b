import { setTimeout as sleep } from 'node:timers/promises';
import type { LeaderContext } from '../../context/leader-context.js';

/** How long the history waits for deliveries at most, and how often it looks. In milliseconds. */
const GIVE_WAY_MS = 5_000;
const CHECK_MS = 50;

/**
 * Waits while files are delivered, for 5 s at most. The history competes with them for processor,
 * disk and network, and nobody waits for it.
 *
 * @param isUrgent ends the wait early. Default: never
 * @throws once the signal aborts
 */
export async function giveWay(
  { hasTraffic }: Pick<LeaderContext, 'hasTraffic'>,
  signal: AbortSignal,
  isUrgent = (): boolean => false,
): Promise<void> {
  const end = performance.now() + GIVE_WAY_MS;
  while (hasTraffic() && !isUrgent() && performance.now() < end)
    await sleep(CHECK_MS, undefined, { signal, ref: false });
}
