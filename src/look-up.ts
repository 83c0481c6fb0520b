import type { Captured, Outbox } from './capture/outbox.js';
import type { Ledger } from './ledger/ledger.js';
import type { Entry, Path } from './words.js';

/** What the database knows of a path. */
export interface Known {
  /** Hosts that captured it and have not folded it yet; the newest capture first. Their bytes may be newer than those of the entry. */
  readonly captured: readonly Captured[];
  readonly entry: Entry | undefined;
}

const nothing: Known = { captured: [], entry: undefined };

export function isKnown({ captured, entry }: Known): boolean {
  return captured.length > 0 || entry !== undefined;
}

/**
 * What the database knows of these paths: the outbox is read first, the ledger after it has answered. That order shows every upload that was
 * acknowledged before this was called:
 *
 * 1. A save resolves after its capture was stored; one in a transaction is committed together with its capture.
 * 2. A fold stores what it makes of a path, and only then removes the path from the capture, or the capture.
 * 3. Both reads ask the primary. If the outbox does not have the capture any more, 2 says that the fold was stored before the outbox was
 *    read, so the ledger, read later, shows it. In the other order a fold between the reads would hide the upload from both.
 *
 * Writes are acknowledged by the majority, so this holds when a primary fails and another one is elected. Only a process that is cut off
 * together with a primary that does not know yet that it was replaced can miss what the new primary has acknowledged, for some seconds.
 */
export async function lookUp(
  { outbox, ledger }: { readonly outbox: Pick<Outbox, 'findCaptured'>; readonly ledger: Pick<Ledger, 'readMany'> }, paths: readonly Path[],
): Promise<(path: Path) => Known> {
  const captured = await outbox.findCaptured(paths);
  const entries = await ledger.readMany(paths);
  return (path) => {
    const entry = entries.get(path), its = captured.get(path) ?? [];
    return entry === undefined && its.length === 0 ? nothing : { captured: its, entry };
  };
}
