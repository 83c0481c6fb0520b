import type { ClientSession, Connection } from 'mongoose';
import type { Asserted, Path } from '../model/words.js';
import type { Capturing } from './capturing.js';
import { makeCaptures } from './make-captures.js';
import { findSession } from './session.js';
import type { CommitWatch } from './session-commit.js';

/** Paths that the app names itself, without a document. */
export interface Asked {
  /** Each becomes a new version. */
  readonly touched?: readonly Path[];
  /** To be deleted. */
  readonly left?: readonly Path[];
}

/**
 * Stores what the app requests, in the given session or in that of the surrounding
 * `connection.transaction()`. It is handed over at once, or after the commit of its transaction.
 * An empty request stores nothing.
 */
export async function storeAsked(
  { touched = [], left = [] }: Asked,
  given: { session?: ClientSession },
  capturing: Capturing,
  connection: Connection,
  commits: CommitWatch,
): Promise<void> {
  const session = findSession(null, given, connection);
  const captures = makeCaptures(
    [{ touched, left, complete: true }],
    { sweep: undefined, syncDirs: [] },
    capturing,
    false,
  );
  for (const capture of captures)
    if (capture.touched.length > 0) capture.asserted = await look(capture.touched, capturing);
  await capturing.outbox.insertAll(captures, session);
  if (session?.inTransaction() === true) commits.add(session, captures, capturing);
  else captures.forEach(capturing.handOver);
}

/**
 * The files that lie at these paths now. A path that cannot be checked counts as any other named
 * path.
 */
async function look(paths: readonly Path[], { root }: Capturing): Promise<Asserted[]> {
  const found: Asserted[] = [];
  for (const path of paths) {
    const seen = await root.observe(path).catch(() => undefined);
    if (seen) found.push({ path, seen });
  }
  return found;
}
