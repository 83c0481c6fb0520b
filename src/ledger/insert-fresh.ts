import { randomUUID } from 'node:crypto';
import { SyncMediaError } from '../errors/errors.js';
import { makeVersion } from '../planning/entries.js';
import type { Entry, Path } from '../words.js';
import { hashAtOnceLimit, type FoldContext, type Reason } from './fold-context.js';

/** A file written within this time before it was named is most likely a new one. In milliseconds. */
const freshMs = 60_000;

/**
 * The quick way for a file that was just uploaded: its entry is inserted without having been read. Where the path has an entry already
 * nothing is written, and the usual way looks at both; so it does with everything else that this one leaves alone.
 */
export async function insertFresh(context: FoldContext, path: Path, { savedBy, alsoHeldBy, overrules }: Reason): Promise<Entry | undefined> {
  const { ledger, disk, me } = context;
  if (!context.wantedBy(path)) return undefined;
  try {
    const seen = await disk.hash(path, { keeps: true, only: ({ size, mtime }) => size <= hashAtOnceLimit && Date.now() - mtime * 1000 <= freshMs });
    const wantedBy = context.wantedBy(path);
    if (!seen || !wantedBy) return undefined;
    const entry = makeVersion(undefined, seen, { path, me, wantedBy, version: randomUUID(), now: new Date(), savedBy, alsoHeldBy: alsoHeldBy ?? [], overrules });
    return await ledger.insert(entry) ? entry : undefined;
  } catch (error) {
    // The usual way meets it too, and tells.
    if (error instanceof SyncMediaError) return undefined;
    throw error;
  }
}
