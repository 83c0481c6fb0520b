import { randomUUID } from 'node:crypto';
import { SyncMediaError } from '../model/errors.js';
import { makeVersion } from '../decisions/entries.js';
import type { Entry, Path } from '../model/words.js';
import { hashAtOnceLimit, type FoldContext, type Reason } from './reconcile-context.js';

/** In milliseconds. A file written within this time before it was named is most likely new. */
const freshMs = 60_000;

/**
 * The fast path for a file that was just uploaded: inserts its entry without reading the ledger
 * first. If the path already has an entry, nothing is written and the ordinary path compares
 * both. All other cases are left to the ordinary path as well.
 */
export async function insertFresh(
  context: FoldContext,
  path: Path,
  { savedBy, alsoHeldBy, overrules }: Reason,
): Promise<Entry | undefined> {
  const { ledger, disk, me } = context;
  if (!context.wantedBy(path)) return undefined;
  try {
    const seen = await disk.hash(path, {
      keeps: true,
      only: ({ size, mtime }) => size <= hashAtOnceLimit && Date.now() - mtime * 1000 <= freshMs,
    });
    const wantedBy = context.wantedBy(path);
    if (!seen || !wantedBy) return undefined;
    const entry = makeVersion(undefined, seen, {
      path,
      me,
      wantedBy,
      version: randomUUID(),
      now: new Date(),
      savedBy,
      alsoHeldBy: alsoHeldBy ?? [],
      overrules,
    });
    return (await ledger.insert(entry)) ? entry : undefined;
  } catch (error) {
    // The ordinary path meets the same error and reports it.
    if (error instanceof SyncMediaError) return undefined;
    throw error;
  }
}
