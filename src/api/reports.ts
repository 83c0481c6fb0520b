import type { DocumentRef } from '../model/capture.js';
import type { Failure } from '../model/failure.js';
import type { Host, HostId, UnsyncableNames } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { PictureType } from '../model/picture-type.js';
import type { CappedCount } from './overview.js';
import type { SyncDir } from '../model/sync-dir.js';
import type { UnreadableRow } from '../model/unreadable-row.js';

/** The result of one check of `doctor`. */
export interface DoctorCheck {
  readonly name: string;
  /** `info`: worth knowing; nothing fails because of it. */
  readonly state: 'ok' | 'info' | 'failed';
  readonly message: string;
  /** How to correct it; present in every failed check. */
  readonly remedy?: string;
}

/** One change that somebody requested through the router or the command line. */
export interface AuditEntry {
  readonly id: string;
  readonly at: Date;
  /**
   * The requester as far as known: the name given to the router or the user of the command line,
   * and the origin of the request.
   */
  readonly by: string;
  readonly what: string;
  /** The arguments as JSON; at most 2,048 characters. */
  readonly args: string;
  /** The host on which the change was requested; absent on a machine that was not initialised. */
  readonly host?: HostId;
  /** `begun`: in progress, or its process died; `done`; else the code of its error. */
  readonly outcome: string;
}

/** Fingerprints (`SHA256:…`) of a host's sshd: the pinned ones, and those it presents now. */
export interface HostKeys {
  readonly pinned: readonly string[];
  readonly shown: readonly string[];
}

/** What becomes of the files of a host that is retired or paused, counted now. */
export interface HostChangePreview {
  /** Of the host as it is shown; the retirement must include it. */
  digest: string;
  /** Deliveries to it, which are forgotten or wait. */
  pending: CappedCount & { bytes: number };
  /** Files that no other host has which is up and stays; the first 50. */
  onlyHere: CappedCount & { paths: Path[] };
  /** Saves on it that are not in the ledger yet. Retiring drops them. */
  captures: CappedCount;
  /** What the site would lose, in a sentence. Absent if it would lose nothing. */
  loses?: string;
}

/** The result of `init`: the host, and each check by name, with a remedy if it failed. */
export interface InitReport {
  host: Host;
  created: boolean;
  checks: { name: string; ok: boolean; message: string; remedy?: string }[];
}

/** What `hosts.purge` removes from this machine, or would remove. */
export interface PurgeReport {
  readonly hostname: string;
  readonly stateDir: string;
  /**
   * The sync dirs that lose their `.syncmedia`, with the number of files in its trash, in its
   * conflicts, and among those that were replaced and not resolved yet; each up to 10,000.
   */
  readonly syncDirs: readonly {
    readonly path: string;
    readonly trash: number;
    readonly conflicts: number;
    readonly replaced: number;
  }[];
  /** The collections that are dropped; none while another host is registered. */
  readonly collections: readonly string[];
  /** False for a dry run. */
  readonly done: boolean;
}

export interface HostStatus {
  id: HostId;
  hostname: string;
  status: Host['status'];
  passive: boolean;
  ready: boolean;
  thisHost: boolean;
  /** The number of entries pending for this host, from any origin, and the time of the oldest. */
  pending: number;
  pendingSince?: Date;
  /**
   * Paths that this host cannot receive while others go on; the first 20 with the reason.
   * `retrying`: a retry is due or under way, so the path is pending as well.
   */
  blocked: number;
  blockedPaths: {
    path: string;
    failure: Failure;
    since: Date;
    retryAt?: Date;
    retrying?: true;
  }[];
  /** The newest delivery from any origin, and the current failures by origin. */
  deliveredAt?: Date;
  failures: { origin: HostId; failure: Failure; since?: Date; nextTryAt?: Date }[];
  /**
   * The process that leads this host, according to its lease. Missing if there is none, or it is
   * known to have ended.
   */
  lease?: { leader: string };
  /** Failures that stop this host, or one of its sync dirs, until a person acts. */
  halted: Host['halted'];
  /**
   * Names that its scans found and that cannot be synced, by sync dir, and the time of the last
   * periodic scan.
   */
  unsyncable?: Record<string, UnsyncableNames & { at?: Date }>;
  /** Fields of its database row with malformed values; they count as left out. */
  unreadable?: readonly string[];
  reload?: Host['reload'];
  /**
   * How it keeps its history, with a backend that keeps one. `unrecorded`: versions that its
   * history lacks yet; over 1,000 count as 1,000.
   */
  history?: NonNullable<Host['history']> & { unrecorded: number };
  /** Declarations of its application that it cannot sync. */
  setup?: Host['setup'];
  /**
   * Saves whose documents named no file, by model. Expected if files are optional; a mistake if
   * every document has one.
   */
  unnamed?: Host['unnamed'];
}

/** Removals of a sync dir that wait for a person, because a host noticed so many at once. */
export interface WaitingRemovals {
  host: Host;
  dir: Path;
  failure: Failure;
  /** How many files are to be removed now, and their share of all files of the sync dir. */
  count: number;
  share: number;
  /** When the first of them was noticed. */
  since?: Date;
  /** The first 1,000. */
  paths: Path[];
}

export interface RecoverableFile {
  /** The name of the host that keeps it. */
  host: string;
  dir: Path;
  path: Path;
  keptAs: string;
  at: Date;
  size: number;
  /** Why a conflict was kept. */
  why?: string;
  /** The current version of the path by the ledger. Absent if it was deleted or is unknown. */
  current?: { size: number; sha256?: string; capturedAt: Date };
}

/**
 * The content of a file. `sha256` is absent if another host has the file and it is too large to
 * read it from here.
 */
export interface RecoverableContent {
  size: number;
  mtime: Date;
  sha256?: string;
}

/**
 * A conflict compared with the file at its path on the same host; `here` is absent if there is no
 * file. `identical` is only true if both contents are known.
 */
export interface ConflictComparison {
  host: string;
  dir: Path;
  path: Path;
  keptAs: string;
  conflict: RecoverableContent;
  here?: RecoverableContent;
  identical: boolean;
}

export interface Status {
  initialised: boolean;
  thisHost?: { id: HostId; hostname: string };
  hosts: HostStatus[];
  syncDirs: SyncDir[];
  /**
   * Sync dirs whose stored rules have no valid seal. All their rules but `exclude` are the
   * defaults.
   */
  unsealedRules?: readonly Path[];
  captures: number;
  entries: number;
  /** Entries that no host holds. They are listed until a person drops them. */
  missing: number;
  missingPaths: string[];
  /** The files in this host's `.syncmedia/conflicts`; at most the first 100. */
  conflicts: { path: string; keptAs: string; at: Date; size: number }[];
  /** Malformed database rows that were set aside; the newest 20. */
  unreadableRows: { count: number; newest: Omit<UnreadableRow, 'row'>[] };
}

/** A picture, for people who decide about a conflict. */
export interface PictureContent {
  type: PictureType;
  bytes: Buffer;
}

/** For each awaited file the hosts that hold it and those that lack it, by name. */
export interface CopiesResult {
  files: {
    path: string;
    needed: number;
    heldBy: string[];
    lackedBy: { hostname: string; why: string }[];
  }[];
}

export interface FileStatus {
  path: string;
  /** False if no operation has named the path. The file may exist all the same. */
  captured: boolean;
  /**
   * Hosts that have captured the path but not yet recorded it in the ledger. Their file may be
   * newer than the version shown here, which is absent if the path has no version yet.
   */
  pendingCaptures?: { id: HostId; hostname: string }[];
  /**
   * Why this host does not sync the path although a document names it: a pattern of `exclude`
   * matches, or this host does not keep the sync dir.
   */
  unsynced?: {
    why: 'excluded' | 'not synced here';
    message: string;
    syncDir?: string;
    pattern?: string;
  };
  kind?: 'file' | 'tombstone';
  version?: string;
  size?: number;
  sha256?: string;
  capturedAt?: Date;
  origin?: { id: HostId; hostname: string };
  /** The document whose save named this version. */
  savedBy?: DocumentRef;
  heldBy: { id: HostId; hostname: string }[];
  /**
   * Hosts that lack this version, since when, and the last failure of the delivery. `blocked`:
   * this path fails there while others go on.
   */
  pending: {
    id: HostId;
    hostname: string;
    since: Date;
    blocked: boolean;
    /** Why the host lacks it, in a sentence, and what to do if anything. */
    why: string;
    remedy?: string;
    failure?: Failure;
    failingSince?: Date;
    retryAt?: Date;
  }[];
  /**
   * Hosts that are neither to have this version nor to delete it, with the reason: such as a host
   * that waits for approval, or whose application removed the file. Absent without a version.
   */
  unconcerned?: { id: HostId; hostname: string; why: string }[];
}

/** Files by path. `next`: the value of `after` with which the list goes on. */
export interface FilePage {
  files: FileStatus[];
  next?: Path;
}

export interface ModelDescription {
  name: string;
  syncDirs: readonly Path[];
  /** The fields that name files. Absent if a function finds them, or every text is tried. */
  fields?: readonly string[];
  /** Whether this process has the model. Without it no document can be read here. */
  plugged: boolean;
}

export interface DocumentStatus {
  model?: string;
  id?: string;
  files: FileStatus[];
}
