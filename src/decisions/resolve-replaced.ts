import type { ReplacedBy, Resolution } from '../model/resolution.js';
import type { Entry, Version } from '../model/entry.js';
import type { HostId } from '../model/host.js';
import type { LocalFileInfo } from '../model/file.js';
import { supersededLimit } from './entries.js';
import {
  findFileState,
  haveSameSizeAndTime,
  looksLikeVersion,
  type FileState,
} from './file-state.js';

export interface ReplacedSituation {
  /** Read again after the rename. */
  readonly entry: Entry | undefined;
  readonly state: FileState;
  readonly by: ReplacedBy;
  /** The version whose delivery replaced the bytes, if known. */
  readonly sent: Version | undefined;
  /**
   * The delivery applied a conflict rule, so the bytes that it replaced lose, even if they were
   * current.
   */
  readonly decidedByRule: boolean;
  /** Whether contents were compared, not only size and mtime. */
  readonly contentCompared: boolean;
  /** Whether the host on whose disk they lie will capture them as its app's own write. */
  readonly willBeCaptured: boolean;
}

/**
 * Bytes in `.syncmedia/replaced`: a delivery replaced or removed them, or a crash left them
 * there.
 */
export interface ReplacedBytes {
  /** Read again after the rename. */
  readonly entry: Entry | undefined;
  readonly info: LocalFileInfo;
  /** The host on whose disk they lie. */
  readonly at: HostId;
  readonly by: ReplacedBy;
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
export function resolveReplacedBytes(
  replaced: ReplacedBytes,
  hashed: { readonly sha256: string | undefined },
): Resolution;
export function resolveReplacedBytes(replaced: ReplacedBytes): Resolution | undefined;
export function resolveReplacedBytes(
  { entry, info: found, at, by, sent, captures }: ReplacedBytes,
  hashed?: { readonly sha256: string | undefined },
): Resolution | undefined {
  const hashedInfo = hashed?.sha256 === undefined ? found : { ...found, sha256: hashed.sha256 };
  const onCapturingDisk = entry?.capturedBy === at;
  const state =
    hashed && hashed.sha256 === undefined
      ? findUnhashedState(entry, found)
      : findFileState(entry, hashedInfo, { onCapturingDisk, surely: true });
  if (state === undefined && !hashed) return undefined;
  return resolveByState({
    // The bytes are those of the version. Their date is no reason to keep them.
    entry,
    state: state === 'redated' ? 'current' : (state ?? 'unknown'),
    by,
    sent: sent?.version,
    decidedByRule: sent?.ruled ?? false,
    contentCompared: hashed?.sha256 !== undefined,
    willBeCaptured:
      captures && sent?.overrules !== true && !looksLikeVersion(entry, found, { onCapturingDisk }),
  });
}

function findUnhashedState(entry: Entry | undefined, found: LocalFileInfo): FileState {
  const versions =
    entry?.superseded.filter((superseded) => haveSameSizeAndTime(superseded, found)) ?? [];
  if (entry?.info && haveSameSizeAndTime(entry.info, found)) return 'unknown';
  return versions.length === 0
    ? 'unknown'
    : versions.every(({ conflicting }) => !conflicting)
      ? 'superseded'
      : 'conflicting';
}

/**
 * Decides where bytes go that a delivery replaced or removed (docs/design/placing-files.md).
 * It never destroys bytes that the ledger does not know.
 */
export function resolveByState(found: ReplacedSituation): Resolution {
  const { entry, state, by } = found;
  if (by === 'removed') return resolveRemoved(state);
  if (state === 'superseded') return 'trash';
  if (state === 'conflicting') return entry?.kind === 'tombstone' ? 'trash' : 'conflict';
  if (by === 'leftover') return 'put-back-if-absent';
  if (state !== 'current') return mustNotLose(found) ? 'put-back' : 'conflict';
  if (found.decidedByRule) return 'trash';
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
function mustNotLose({ entry, willBeCaptured, decidedByRule, sent }: ReplacedSituation): boolean {
  return (
    willBeCaptured &&
    !decidedByRule &&
    sent !== undefined &&
    entry?.kind === 'file' &&
    entry.superseded.length < supersededLimit
  );
}

function resolveRemoved(state: FileState): Resolution {
  return state === 'superseded' || state === 'conflicting' ? 'trash' : 'put-back-if-absent';
}
