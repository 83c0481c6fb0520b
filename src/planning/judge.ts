import type { AsideBy, Entry, Verdict, Version } from '../words.js';
import type { FoundStanding } from './standing.js';

export interface Found {
  /** Read afresh after the rename. */
  readonly entry: Entry | undefined;
  readonly standing: FoundStanding;
  readonly by: AsideBy;
  /** The version whose landing moved the bytes aside, where it is known. */
  readonly sent: Version | undefined;
  /** The landing carried out a decision of a conflict rule: what it replaced lost, even if it was current. */
  readonly ruled: boolean;
  /** Whether the content was compared, not only size and mtime. */
  readonly contentCompared: boolean;
}

/** Where bytes go that a landing replaced or removed (ARCHITECTURE.md, "Landing"). Never destroys what the ledger does not know. */
export function judge(found: Found): Verdict {
  const { entry, standing, by } = found;
  if (by === 'removed') return judgeRemoved(standing);
  if (standing === 'old') return 'trash';
  if (standing === 'lost') return entry?.kind === 'tombstone' ? 'trash' : 'conflict';
  if (by === 'leftover') return 'return';
  if (standing !== 'current') return 'conflict';
  if (found.ruled) return 'trash';
  // Current, and the entry did not move on: it can only be what was sent now, sent before.
  if (entry?.version === found.sent) return found.contentCompared ? 'drop' : 'trash';
  return 'put-back';
}

function judgeRemoved(standing: FoundStanding): Verdict {
  return standing === 'old' || standing === 'lost' ? 'trash' : 'return';
}
