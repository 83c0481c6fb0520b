import { isBackAtPath } from '../replica/replaced.js';
import { remove } from '../replica/place.js';
import type { Change, Outcome } from '../model/words.js';
import { asFailure, cancelled, failed } from './failure.js';
import { inParallel } from '../util/map-concurrently.js';
import type { Route } from './transfer-route.js';

const AT_ONCE = 8;

/**
 * Carries out removals, one path each. A file is renamed into the trash, or put back if the
 * ledger does not know it.
 */
export async function* removeFiles(
  route: Route,
  changes: readonly Change[],
  via: string,
  signal: AbortSignal,
): AsyncGenerator<Outcome> {
  const known = new Set<string>();
  yield* inParallel(changes, AT_ONCE, async (change): Promise<Outcome> => {
    if (signal.aborted) return failed(change, via, cancelled());
    try {
      const judged = await remove(route.receiver, change.path, route.judge, known);
      return { change, via, bytes: 0, result: isBackAtPath(judged) ? 'kept' : 'delivered' };
    } catch (error) {
      return failed(change, via, asFailure(error, 'path'));
    }
  });
}
