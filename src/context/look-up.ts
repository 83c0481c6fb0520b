import type { Outbox } from '../capture/outbox.js';
import type { PathCapture } from '../capture/captured-paths.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Entry } from '../model/entry.js';
import type { Path } from '../model/path.js';

/** The ledger entry and the pending captures of a path. */
export interface PathLookup {
  /**
   * Hosts that captured the path and whose capture is not processed yet, newest capture first.
   * Their bytes may be newer than those of the entry.
   */
  readonly captured: readonly PathCapture[];
  readonly entry: Entry | undefined;
}

const unknownPath: PathLookup = { captured: [], entry: undefined };

export function isKnownPath({ captured, entry }: PathLookup): boolean {
  return captured.length > 0 || entry !== undefined;
}

/**
 * Looks paths up in the database: first in the outbox and, after its answer, in the ledger. This
 * order shows every upload that was acknowledged before the call:
 *
 * 1. A save resolves after its capture was stored. In a transaction both are committed together.
 * 2. Reconciling a path stores its entry, and only then removes the path from the capture, or the
 *    capture.
 * 3. Both reads ask the primary. If the outbox no longer has the capture, then by 2 the entry was
 *    stored before the outbox was read, and the ledger, read later, shows it. In the other order,
 *    a reconciliation between the two reads would hide the upload from both.
 *
 * The majority acknowledges all writes, so this also holds when a primary fails and another one
 * is elected. There is one exception for some seconds: a process that is cut off together with a
 * primary that does not know yet that it was replaced. It can miss writes that the new primary
 * has acknowledged.
 */
export async function lookUpPaths(
  {
    outbox,
    ledger,
  }: { readonly outbox: Pick<Outbox, 'findCaptured'>; readonly ledger: Pick<Ledger, 'readMany'> },
  paths: readonly Path[],
): Promise<(path: Path) => PathLookup> {
  const captured = await outbox.findCaptured(paths);
  const entries = await ledger.readMany(paths);
  return (path) => {
    const entry = entries.get(path),
      captures = captured.get(path) ?? [];
    return entry === undefined && captures.length === 0
      ? unknownPath
      : { captured: captures, entry };
  };
}
