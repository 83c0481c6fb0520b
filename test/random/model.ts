/** One write of an app to a path; without `sha256` it deleted the file. */
export interface Write {
  readonly step: number;
  readonly host: string;
  readonly sha256?: string;
  readonly named: boolean;
}

/** What the site knew of the path just before a write. */
export interface Known {
  /** Contents that the entry's versions have, the current one first; undefined: no entry. */
  readonly current: string | undefined;
  readonly superseded: readonly string[];
  /** Whether the host that writes holds the entry. */
  readonly isHeldHere: boolean;
  /**
   * Contents that deliveries have replaced on the host that writes, and that are not resolved yet.
   */
  readonly unresolved: readonly string[];
  /** Captures that wait to be processed: that name the path, or no longer. */
  readonly touchedWaits: boolean;
  readonly leftWaits: boolean;
  /**
   * No earlier delivery may still arrive on the host that writes after its process is gone: it was
   * not frozen lately.
   */
  readonly isCalm: boolean;
  /**
   * A push, a pull or a verification is under way: it may bring back a file that is deleted
   * meanwhile.
   */
  readonly runs: boolean;
  /**
   * A delivery took the file away from the path while the app wrote to it in place. The app's
   * bytes are in the file that the delivery moved, and not at the path.
   */
  readonly isMissed?: boolean;
}

interface OfPath {
  possible: Write[];
  readonly history: Write[];
  /** The writes that left `possible` since one was last seen in the ledger. */
  replaced: Write[];
}

const absent: Write = { step: -1, host: '', named: true };

/**
 * Which write of each path may be the one that all hosts have in the end: those that no later one
 * is certain to have come after. Of two hosts that write at once either may win; who writes over
 * what the ledger knew, and what lay on its own disk, wins.
 */
export class Model {
  private readonly paths = new Map<string, OfPath>();

  private of(path: string): OfPath {
    const known = this.paths.get(path);
    if (known) return known;
    const fresh: OfPath = { possible: [absent], history: [], replaced: [] };
    this.paths.set(path, fresh);
    return fresh;
  }

  /** Writes of one moment, each by a host of its own. */
  note(path: string, writes: readonly { write: Write; known: Known }[]): void {
    const of = this.of(path);
    const before = of.possible;
    const latest = of.history.at(-1)?.sha256;
    if (
      latest !== undefined &&
      writes.some(({ known }) => known.current === latest || known.superseded.includes(latest))
    )
      of.replaced = [];
    of.possible = before.filter((old) =>
      writes.every(({ write, known }) => mayWinOver(old, write, known)),
    );
    of.replaced.push(...before.filter((old) => !of.possible.includes(old)));
    for (const { write } of writes) {
      of.possible.push(write);
      of.history.push(write);
    }
  }

  /**
   * A delete that is not processed yet checks whether the file is gone: a file that a run brings
   * back before stays. That may be one that a save had replaced and the ledger never knew, because
   * the delete took its file.
   */
  doubtDelete(path: string): void {
    const of = this.paths.get(path);
    of?.possible.push(...of.replaced.splice(0).filter((old) => !of.possible.includes(old)));
  }

  possible(path: string): readonly Write[] {
    return this.of(path).possible;
  }
  history(path: string): readonly Write[] {
    return this.of(path).history;
  }
  known(): string[] {
    return [...this.paths.keys()];
  }
}

/** Whether the older write may still win over the newer one. */
function mayWinOver(old: Write, write: Write, known: Known): boolean {
  if (old.sha256 === undefined) {
    // A delete looks whether a document names the file; one of which nothing waits any more did
    // what it did.
    return write.sha256 !== undefined && !write.named && known.leftWaits;
  }
  // Its bytes are gone from that disk, unless a delivery that a crash ended left them among the
  // replaced ones: they may be put back once the path is empty.
  if (known.isMissed === true) return true;
  if (old.host === write.host && write.sha256 !== undefined)
    return known.unresolved.includes(old.sha256);
  if (!known.isCalm || known.touchedWaits) return true;
  if (known.superseded.includes(old.sha256)) return false;
  return known.current !== old.sha256 || !known.isHeldHere;
}
