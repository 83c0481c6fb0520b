import type { DocumentRef } from './capture.js';
import type { Failure } from './failure.js';
import type { FileInfo, LocalFileInfo } from './file.js';
import type { HostId } from './host.js';
import type { Path } from './path.js';

/** Random, made with each new version of an entry. Compared for equality only, never ordered. */
export type Version = string;

export interface SupersededVersion extends FileInfo {
  readonly nanos?: number;
  readonly version: Version;
  /**
   * The host that replaced it did not hold it: two hosts wrote at once. Copies of it are
   * conflicts.
   */
  readonly conflicting: boolean;
}

/** A version that was replaced before its history had it. */
export interface VersionToRecord {
  readonly version: Version;
  /** The host that has to record it. */
  readonly by: HostId;
  /** When it was captured, and when it was replaced. */
  readonly at: Date;
  readonly replacedAt: Date;
  /** Missing if the version is a removal. */
  readonly info?: FileInfo;
  readonly savedBy?: DocumentRef;
  readonly author?: string;
}

interface BlockedDelivery {
  readonly host: HostId;
  readonly failure: Failure;
  readonly since: Date;
  /**
   * Missing if the delivery waits for a person, or if `host` is in `pending` again because a retry
   * is due.
   */
  readonly retryAt?: Date;
}

/**
 * One path of the ledger. For each entry a host holds it, has it pending, is blocked, or is not
 * concerned. A host whose retry is due is both blocked and pending.
 */
export interface Entry {
  path: Path;
  version: Version;
  kind: 'file' | 'tombstone';
  /** Missing for a tombstone. `nanos` comes from the disk of the host that captured the file. */
  info?: LocalFileInfo;
  /** The newest 16 replaced versions, oldest first. */
  superseded: SupersededVersion[];
  /** The host that delivers the entry. */
  origin: HostId;
  /**
   * The host that first observed the bytes. On its disk alone, nanoseconds compare without a
   * hash.
   */
  capturedBy: HostId;
  /** The origin no longer holds the file, so a holder may take the entry over. */
  orphaned?: boolean;
  /**
   * Size and mtime do not identify the bytes yet: the file was just written, or was too large to
   * hash. The next rescan hashes it.
   */
  unverified?: boolean;
  /**
   * A conflict rule decided for this version. Files of other hosts that the ledger does not know
   * lose to it.
   */
  overrules?: boolean;
  heldBy: HostId[];
  /**
   * For each host: the stamp of its file when that host last knew that the bytes are those of the
   * version. `removed` means that its app has removed the file since. A host that received the
   * version has no stamp until it compares the content.
   */
  stamps?: Record<HostId, string>;
  pending: HostId[];
  dueAt: Date;
  blocked: BlockedDelivery[];
  savedBy?: DocumentRef;
  /** Who made the version, if `withAuthor` named somebody. */
  author?: string;
  capturedAt: Date;
  /** The host that captured the version has not recorded it in its history yet. */
  unrecorded?: boolean;
  /** Replaced versions that still have to be recorded, oldest first. At most 100. */
  toRecord?: VersionToRecord[];
}
