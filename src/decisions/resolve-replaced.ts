import type { AsideBy, Entry, HostId, Seen, Verdict, Version } from '../model/words.js';
import { supersededLimit } from './entries.js';
import { findStanding, haveSameFacts, looksKnown, type FoundStanding } from './file-state.js';

export interface Found {
  /** Read again after the rename. */
  readonly entry: Entry | undefined;
  readonly standing: FoundStanding;
  readonly by: AsideBy;
  /** The version whose delivery replaced the bytes, if known. */
  readonly sent: Version | undefined;
  /**
   * The delivery applied a conflict rule, so the bytes that it replaced lose, even if they were
   * current.
   */
  readonly ruled: boolean;
  /** Whether contents were compared, not only size and mtime. */
  readonly contentCompared: boolean;
  /** Whether the host on whose disk they lie will capture them as its app's own write. */
  readonly isNews: boolean;
}

/**
 * Bytes in `.syncmedia/aside`: a delivery replaced or removed them, or a crash left them
 * there.
 */
export interface Aside {
  /** Read again after the rename. */
  readonly entry: Entry | undefined;
  readonly found: Seen;
  /** The host on whose disk they lie. */
  readonly at: HostId;
  readonly by: AsideBy;
  /** The version that replaced them, if known. */
  readonly sent:
    | { readonly version: Version; readonly ruled: boolean; readonly overrules?: boolean }
    | undefined;
  /** Whether that host captures its own files: it is active and ready. */
  readonly captures: boolean;
}

/**
 * Decides where replaced bytes go. Undefined means that size and date cannot decide: hash the
 * bytes and call again with the result.
 *
 * A file that is too large to be hashed over the network never counts as current. It may count as
 * superseded by its size and date, because the trash keeps it. As a conflict, every large file
 * that is replaced would wait for a person.
 */
export function judgeAside(aside: Aside, hashed: { readonly sha256: string | undefined }): Verdict;
export function judgeAside(aside: Aside): Verdict | undefined;
export function judgeAside(
  { entry, found, at, by, sent, captures }: Aside,
  hashed?: { readonly sha256: string | undefined },
): Verdict | undefined {
  const seen = hashed?.sha256 === undefined ? found : { ...found, sha256: hashed.sha256 };
  const onCapturingDisk = entry?.capturedBy === at;
  const standing =
    hashed && hashed.sha256 === undefined
      ? standUnhashed(entry, found)
      : findStanding(entry, seen, { onCapturingDisk, surely: true });
  if (standing === undefined && !hashed) return undefined;
  return judge({
    // The bytes are those of the version. Their date is no reason to keep them.
    entry,
    standing: standing === 'redated' ? 'current' : (standing ?? 'unknown'),
    by,
    sent: sent?.version,
    ruled: sent?.ruled ?? false,
    contentCompared: hashed?.sha256 !== undefined,
    isNews: captures && sent?.overrules !== true && !looksKnown(entry, found, { onCapturingDisk }),
  });
}

function standUnhashed(entry: Entry | undefined, found: Seen): FoundStanding {
  const versions = entry?.superseded.filter((old) => haveSameFacts(old, found)) ?? [];
  if (entry?.facts && haveSameFacts(entry.facts, found)) return 'unknown';
  return versions.length === 0 ? 'unknown' : versions.every(({ lost }) => !lost) ? 'old' : 'lost';
}

/**
 * Decides where bytes go that a delivery replaced or removed (ARCHITECTURE.md, "Placing a file").
 * It never destroys bytes that the ledger does not know.
 */
export function judge(found: Found): Verdict {
  const { entry, standing, by } = found;
  if (by === 'removed') return judgeRemoved(standing);
  if (standing === 'old') return 'trash';
  if (standing === 'lost') return entry?.kind === 'tombstone' ? 'trash' : 'conflict';
  if (by === 'leftover') return 'return';
  if (standing !== 'current') return mayBeCaptured(found) ? 'put-back' : 'conflict';
  if (found.ruled) return 'trash';
  // They are current and the entry did not change, so an earlier delivery of the same version
  // brought them.
  if (entry?.version === found.sent && by === 'put-back') return 'conflict';
  if (entry?.version === found.sent) return found.contentCompared ? 'drop' : 'trash';
  return 'put-back';
}

/**
 * Whether the app has just written the bytes and its host will capture them. An acknowledged save
 * must not lose to an older version that was on its way. If the entry already remembers as many
 * versions as it can, the bytes may be a forgotten one.
 */
function mayBeCaptured({ entry, isNews, ruled, sent }: Found): boolean {
  return (
    isNews &&
    !ruled &&
    sent !== undefined &&
    entry?.kind === 'file' &&
    entry.superseded.length < supersededLimit
  );
}

function judgeRemoved(standing: FoundStanding): Verdict {
  return standing === 'old' || standing === 'lost' ? 'trash' : 'return';
}
