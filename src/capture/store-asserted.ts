import type { ClientSession, Connection } from 'mongoose';
import type { AssertedFile } from '../model/capture.js';
import type { Path } from '../model/path.js';
import type { CaptureContext } from './capturing.js';
import { makeCaptures } from './make-captures.js';
import { findSession } from './session.js';
import type { CommitWatch } from './session-commit.js';

/** Paths that the app names itself, without a document. */
export interface NamedByApp {
  /** Each becomes a new version. */
  readonly touched?: readonly Path[];
  /** To be deleted. */
  readonly unreferenced?: readonly Path[];
}

/**
 * Stores what the app requests, in the given session or in that of the surrounding
 * `connection.transaction()`. It is handed over at once, or after the commit of its transaction.
 * An empty request stores nothing.
 */
export async function storeNamedByApp(
  { touched = [], unreferenced = [] }: NamedByApp,
  given: { session?: ClientSession },
  context: CaptureContext,
  connection: Connection,
  commits: CommitWatch,
): Promise<void> {
  const session = findSession(null, given, connection);
  const captures = makeCaptures(
    [{ touched, unreferenced, complete: true }],
    { rescan: undefined, syncDirs: [] },
    context,
    false,
  );
  for (const capture of captures)
    if (capture.touched.length > 0)
      capture.asserted = await observeAsserted(capture.touched, context);
  await context.outbox.insertAll(captures, session);
  if (session?.inTransaction() === true) commits.add(session, captures, context);
  else captures.forEach(context.handOver);
}

/**
 * The files that lie at these paths now. A path that cannot be checked counts as any other named
 * path.
 */
async function observeAsserted(
  paths: readonly Path[],
  { replica }: CaptureContext,
): Promise<AssertedFile[]> {
  const found: AssertedFile[] = [];
  for (const path of paths) {
    const info = await replica.observe(path).catch(() => undefined);
    if (info) found.push({ path, info });
  }
  return found;
}
