import { isBackAtPath } from '../replica/replaced.js';
import { removeFile } from '../replica/place.js';
import type { Change, DeliveryOutcome } from '../model/change.js';
import { toFailure, makeCancelledFailure, makeFailedOutcome } from './to-failure.js';
import { streamConcurrently } from '../util/map-concurrently.js';
import type { TransferRoute } from './transfer-route.js';

const AT_ONCE = 8;

/**
 * Carries out removals, one path each. A file is renamed into the trash, or put back if the
 * ledger does not know it.
 */
export async function* removeFiles(
  route: TransferRoute,
  changes: readonly Change[],
  via: string,
  signal: AbortSignal,
): AsyncGenerator<DeliveryOutcome> {
  const known = new Set<string>();
  yield* streamConcurrently(changes, AT_ONCE, async (change): Promise<DeliveryOutcome> => {
    if (signal.aborted) return makeFailedOutcome(change, via, makeCancelledFailure());
    try {
      const resolved = await removeFile(route.receiver, change.path, route.resolver, known);
      return { change, via, bytes: 0, result: isBackAtPath(resolved) ? 'kept' : 'delivered' };
    } catch (error) {
      return makeFailedOutcome(change, via, toFailure(error, 'path'));
    }
  });
}
