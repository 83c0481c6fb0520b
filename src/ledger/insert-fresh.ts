import { randomUUID } from 'node:crypto';
import { SyncMediaError } from '../model/errors.js';
import { makeVersionEntry } from '../decisions/entries.js';
import { isFreshFile } from '../decisions/file-state.js';
import type { Entry } from '../model/entry.js';
import type { Path } from '../model/path.js';
import {
  immediateHashLimit,
  type ReconcileContext,
  type ReconcileReason,
} from './reconcile-context.js';

/**
 * The fast path for a file that was just uploaded: inserts its entry without reading the ledger
 * first. If the path already has an entry, nothing is written and the ordinary path compares
 * both. All other cases are left to the ordinary path as well.
 */
export async function insertFreshEntry(
  context: ReconcileContext,
  path: Path,
  { savedBy, author, alsoHeldBy, overrules }: ReconcileReason,
): Promise<Entry | undefined> {
  const { ledger, disk, me } = context;
  if (!context.listReceivers(path)) return undefined;
  try {
    const localInfo = await disk.hash(path, {
      keeps: true,
      only: (info) => info.size <= immediateHashLimit && isFreshFile(info, Date.now()),
    });
    const receivers = context.listReceivers(path);
    if (!localInfo || !receivers) return undefined;
    const entry = makeVersionEntry(undefined, localInfo, {
      path,
      me,
      wantedBy: receivers,
      version: randomUUID(),
      now: new Date(),
      savedBy,
      author,
      alsoHeldBy: alsoHeldBy ?? [],
      overrules,
      recording: context.recording,
    });
    return (await ledger.insert(entry)) ? entry : undefined;
  } catch (error) {
    // The ordinary path meets the same error and reports it.
    if (error instanceof SyncMediaError) return undefined;
    throw error;
  }
}
