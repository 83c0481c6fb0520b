import type { AsideBy, Entry, HostId, Seen, Verdict, Version } from '../words.js';
import { supersededLimit } from './entries.js';
import { findStanding, haveSameFacts, looksKnown, type FoundStanding } from './standing.js';

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
  /** Whether the host they lie on is about to capture what its app has written. */
  readonly isNews: boolean;
}

/** What a landing moved aside, or a crash left there. */
export interface Aside {
  /** Read afresh after the rename. */
  readonly entry: Entry | undefined;
  readonly found: Seen;
  /** On whose disk it lies. */
  readonly at: HostId;
  readonly by: AsideBy;
  /** What was landing there, where it is known. */
  readonly sent: { readonly version: Version; readonly ruled: boolean; readonly overrules?: boolean } | undefined;
  /** Whether the host it lies on tells the ledger by itself of what its app writes: it is active, and ready. */
  readonly captures: boolean;
}

/**
 * Where bytes go that came aside. Undefined: facts cannot tell; hash the bytes and ask again with what came of that. What cannot be
 * hashed, a file too large to be read over the network, is never taken for current; an old version it may be by its facts, since the
 * trash keeps it: as a conflict every large file that is replaced would wait for a person.
 */
export function judgeAside(aside: Aside, hashed: { readonly sha256: string | undefined }): Verdict;
export function judgeAside(aside: Aside): Verdict | undefined;
export function judgeAside({ entry, found, at, by, sent, captures }: Aside, hashed?: { readonly sha256: string | undefined }): Verdict | undefined {
  const seen = hashed?.sha256 === undefined ? found : { ...found, sha256: hashed.sha256 };
  const onCapturingDisk = entry?.capturedBy === at;
  const standing = hashed && hashed.sha256 === undefined ? standUnhashed(entry, found) : findStanding(entry, seen, { onCapturingDisk, surely: true });
  if (standing === undefined && !hashed) return undefined;
  return judge({
    // Its bytes are those of the version: with which date they lie there is no matter to keep them for.
    entry, standing: standing === 'redated' ? 'current' : standing ?? 'unknown', by, sent: sent?.version, ruled: sent?.ruled ?? false, contentCompared: hashed?.sha256 !== undefined,
    isNews: captures && sent?.overrules !== true && !looksKnown(entry, found, { onCapturingDisk }),
  });
}

function standUnhashed(entry: Entry | undefined, found: Seen): FoundStanding {
  const versions = entry?.superseded.filter((old) => haveSameFacts(old, found)) ?? [];
  if (entry?.facts && haveSameFacts(entry.facts, found)) return 'unknown';
  return versions.length === 0 ? 'unknown' : versions.every(({ lost }) => !lost) ? 'old' : 'lost';
}

/** Where bytes go that a landing replaced or removed (ARCHITECTURE.md, "Landing"). Never destroys what the ledger does not know. */
export function judge(found: Found): Verdict {
  const { entry, standing, by } = found;
  if (by === 'removed') return judgeRemoved(standing);
  if (standing === 'old') return 'trash';
  if (standing === 'lost') return entry?.kind === 'tombstone' ? 'trash' : 'conflict';
  if (by === 'leftover') return 'return';
  if (standing !== 'current') return mayBeCaptured(found) ? 'put-back' : 'conflict';
  if (found.ruled) return 'trash';
  // Current, and the entry did not move on: it can only be what was sent now, sent before.
  if (entry?.version === found.sent && by === 'put-back') return 'conflict';
  if (entry?.version === found.sent) return found.contentCompared ? 'drop' : 'trash';
  return 'put-back';
}

/**
 * What the app has just written, and its host is about to capture: a save that was acknowledged must not lose to a version that is older
 * than it and was on its way. Where the entry remembers all it can it may be an older version still.
 */
function mayBeCaptured({ entry, isNews, ruled, sent }: Found): boolean {
  return isNews && !ruled && sent !== undefined && entry?.kind === 'file' && entry.superseded.length < supersededLimit;
}

function judgeRemoved(standing: FoundStanding): Verdict {
  return standing === 'old' || standing === 'lost' ? 'trash' : 'return';
}
