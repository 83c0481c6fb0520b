/**
 * The glossary as types (ARCHITECTURE.md, "Words"). This file imports nothing; every stage may
 * import it.
 */

/** `init` makes it once. The host's state folder keeps it. */
export type HostId = string;
/** Random, made with each new version of an entry. Compared for equality only, never ordered. */
export type Version = string;
/**
 * Relative to the root, separated by `/`. Only `replica/` makes one. It refuses
 * anything that could leave the sync dir.
 */
export type Path = string & { readonly safe: true };

export type ConflictRule = 'newer' | 'keep' | 'overwrite';

/**
 * What rsync and SFTP can carry of a file: size in bytes and mtime in whole seconds since the
 * epoch. `sha256` (hex) is set once it is known.
 */
export interface FileInfo {
  readonly size: number;
  readonly mtime: number;
  readonly sha256?: string;
}

/**
 * A file as one host observed it on its own disk. `nanos` is the fraction of the mtime, 0 where a
 * transfer or the file system dropped it. `stamp` holds inode and change time. No program sets
 * these back, so a file with another stamp may have other bytes, regardless of its size and date.
 * Only the machine's own disk shows the stamp.
 */
export interface LocalFileInfo extends FileInfo {
  readonly nanos: number;
  readonly stamp?: string;
}

/**
 * Why something failed. `scope` says what fails: a failure of scope 'host' delays the host's
 * whole delivery queue, one of scope 'path' blocks only that path. A failure that is not
 * `retryable` waits for a person.
 */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly scope: 'host' | 'path';
}

/**
 * A directory that is kept in sync, with its rules. They are stored, so that the CLI, cron and
 * every worker apply the same ones.
 */
export interface SyncDir {
  readonly path: Path;
  /** rsync exclude patterns, relative to the sync dir. */
  readonly exclude: readonly string[];
  readonly conflict: ConflictRule;
  readonly onDelete: 'keep' | 'propagate';
}

/** The rules of a sync dir as stored in the database. They give access to no directory. */
export interface StoredRules extends SyncDir {
  /** The row has no valid seal, so all rules but `exclude` are the defaults. Never stored. */
  readonly unsealed?: true;
}

/** How this host's deliveries to another host are going. */
export interface DeliveryState {
  deliveredAt?: Date;
  failure?: Failure;
  failingSince?: Date;
  nextTryAt?: Date;
}

export interface ScanTimes {
  all: Date;
  changed: Date;
}

/**
 * A machine that keeps a replica. Only the host itself writes `lease`, `deliveries`, `rescans`,
 * `scans`, `members` and `halted`.
 */
export interface Host {
  id: HostId;
  hostname: string;
  /** The name or address (FQDN) at which other hosts connect to its sshd. */
  url: string;
  sshPort: number;
  username: string;
  /** One OpenSSH public key line. Empty for a passive host, which never connects anywhere. */
  publicKey: string;
  /** Public keys of its sshd (`ssh-ed25519 AAAA…`). Other hosts pin them. */
  hostKeys: string[];
  rootPath: string;
  /** Allow-list of sync dirs. Empty means all. */
  syncDirs: Path[];
  backend: 'rsync' | 'git' | 'git-annex';
  /**
   * A passive host only has sshd and rsync. Other hosts send files to it and fetch files from it.
   */
  passive: boolean;
  /**
   * A person decides this. New versions are marked as pending for approved and paused hosts.
   * Nothing is sent to paused ones.
   */
  status: 'pending' | 'approved' | 'paused' | 'retired';
  /**
   * The host counts as pending, because its row lacks a valid seal of this site. Never stored.
   */
  unsealed?: true;
  /** Fields of the row with values of a wrong type. They count as missing. Never stored. */
  unreadable?: readonly string[];
  /** The row has a seal, but this machine has no secret to check it. Never stored. */
  uncheckedSeal?: true;
  /** When the host had all files for the first time. Until then no host fetches from it. */
  readyAt?: Date;
  /** `socket` is the file (device and inode) at which the leader listens while it works. */
  lease?: { leader: string; beat: number; socket?: string };
  deliveries: Record<HostId, DeliveryState>;
  /** When the pending rescan of each sync dir is due. */
  rescans: Record<string, Date>;
  /** Other hosts increment it when they have delivered new files here. */
  received: number;
  halted: Record<string, Failure>;
  /**
   * For each sync dir: names on its disk that cannot be synced, as the newest scan found them.
   */
  unsyncable?: Record<string, UnsyncableNames>;
  /**
   * For each sync dir: a person's decision about removals that waited. It covers candidates older
   * than it.
   */
  removals?: Record<string, RemovalDecision>;
  /**
   * Hosts for which this host, as origin, marked its earlier files as pending. Each name includes
   * the sync dirs that the host wanted then.
   */
  backfilled?: string[];
  /**
   * New hosts that this host includes in every entry it writes. No reconciliation with an older
   * host list is still running.
   */
  members?: HostId[];
  /**
   * For each sync dir: when its last periodic scans began, the full one and the one of changed
   * directories.
   */
  scans?: Record<string, ScanTimes>;
  /**
   * When the host last worked, by its own clock, to the hour. It only serves to notice a long
   * absence.
   */
  lastSeenAt?: Date;
  /**
   * When the host came back with a disk that had been a replica before. Until it is ready again,
   * older files that the ledger does not know go to the conflicts: a file that was deleted
   * meanwhile must not come back.
   */
  returnedAt?: Date;
  /**
   * Declarations of its application that it cannot sync, as its processes found at their start.
   */
  setup?: SetupProblem[];
  /** For each model: saves on this host whose documents named no file. */
  unnamed?: Record<string, UnnamedSaves>;
  reload?: { at: Date; exitCode: number | null; output: string };
  software?: { syncmedia: string; node: string };
  createdAt: Date;
  updatedAt: Date;
}

/**
 * Names that cannot be synced: not valid UTF-8, too long, or in a directory that cannot be read.
 * `examples` holds the first 20.
 */
export interface UnsyncableNames {
  count: number;
  examples: { path: string; why: string }[];
}

/**
 * A declaration of the application that the host cannot sync as it is. `about` names the sync
 * dir, field or directory.
 */
export interface SetupProblem {
  readonly about: string;
  readonly message: string;
  readonly remedy: string;
}

/** How many saves of a model had a document that named no file. */
export interface UnnamedSaves {
  readonly count: number;
  readonly lastDocument: string;
  readonly lastAt: Date;
}

export interface RemovalDecision {
  decision: 'approved' | 'rejected';
  at: Date;
}

export interface AssertedFile {
  readonly path: Path;
  readonly info: LocalFileInfo;
}

export interface DocumentRef {
  model: string;
  id: string;
}

/**
 * A row of the outbox: the paths that one operation touched. The operation inserts it in its own
 * session. The leader processes and then removes it.
 */
export interface Capture {
  id: string;
  host: HostId;
  dueAt: Date;
  savedBy?: DocumentRef;
  /** Paths that the document names now. */
  touched: Path[];
  /**
   * Paths that the document no longer names. If the sync dir propagates deletes, they are
   * candidates for deletion.
   */
  unreferenced: Path[];
  /** When `unreferenced` became candidates. They are checked again for ten minutes. */
  unreferencedSince?: Date;
  /** Sync dirs to scan later, with the delay in seconds. */
  rescan: { dir: Path; after: number }[];
  /**
   * The files that lay there when the app called `capture(paths)`. Each is a new version whatever
   * its size and date, unless other bytes lie there by now.
   */
  asserted?: AssertedFile[];
}

export interface SupersededVersion extends FileInfo {
  readonly nanos?: number;
  readonly version: Version;
  /**
   * The host that replaced it did not hold it: two hosts wrote at once. Copies of it are
   * conflicts.
   */
  readonly conflicting: boolean;
}

export interface BlockedDelivery {
  readonly host: HostId;
  readonly failure: Failure;
  readonly since: Date;
  /** If missing, the delivery waits for a person. */
  readonly retryAt?: Date;
}

/**
 * One path of the ledger. For each entry a host holds it, has it pending, is blocked, or is not
 * concerned.
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
  capturedAt: Date;
}

/** What should happen to one path on another host. */
export type Change = {
  readonly path: Path;
  readonly dir: SyncDir;
  readonly version: Version;
  readonly savedBy?: DocumentRef;
} &
  /** `rule` is set only if the ledger does not know the file on the other host. */
  (
    | {
        readonly do: 'put';
        readonly info: FileInfo;
        readonly rule?: ConflictRule;
        readonly overrules?: true;
      }
    | { readonly do: 'remove' }
  );

/**
 * The result of a change. `via` names the program or protocol that carried it (`rsync`, `sftp`).
 */
export type DeliveryOutcome = {
  readonly change: Change;
  readonly via: string;
  readonly bytes: number;
} & (
  | { readonly result: 'delivered'; readonly sha256?: string }
  /**
   * kept: the other host's own file won. changed: the source changed during the transfer.
   * vanished: the source is gone.
   */
  | { readonly result: 'kept' | 'changed' | 'vanished' }
  /** refused: for good. failed: a later try may succeed. */
  | { readonly result: 'refused' | 'failed'; readonly failure: Failure }
);

export interface Difference {
  readonly path: Path;
  readonly here?: FileInfo;
  readonly there?: FileInfo;
  /** The contents were compared, and only the dates differ. */
  readonly sameBytes?: true;
}

/**
 * What happens to bytes that a delivery replaced or removed. drop: they are exactly the sent
 * bytes. put-back: place them at their path again; what that replaces is resolved in turn.
 * put-back-if-absent: the same, but only if the path is empty; otherwise keep them as a conflict.
 */
export type Resolution = 'drop' | 'trash' | 'conflict' | 'put-back' | 'put-back-if-absent';

/**
 * How bytes came to `.syncmedia/replaced`: a put or a put-back replaced them, a removal took
 * them, or a crash left them there.
 */
export type ReplacedBy = 'replaced' | 'put-back' | 'removed' | 'leftover';

/**
 * What differs from the ledger at a path of one host. missing: the file should be there. extra:
 * no entry has it. different: it has other bytes or another time. An adoption compares with its
 * own host's disk instead: the file is only here, only there, or different.
 */
export type Finding = 'missing' | 'extra' | 'different';

/**
 * How many findings of each kind one host has. `same` is set if it is known. `repaired` counts
 * missing and different files.
 */
export interface HostFindings {
  host: HostId;
  same?: number;
  missing: number;
  extra: number;
  different: number;
  repaired: number;
}

/**
 * A push, pull, verify, adoption or bootstrap. Its row is stored first; the leader of host `at`
 * carries it out.
 */
export interface Run {
  id: string;
  kind: 'push' | 'pull' | 'verify' | 'adopt' | 'bootstrap';
  at: HostId;
  /** Empty means all. */
  hosts: HostId[];
  /** Empty means all. */
  dirs: Path[];
  dryRun: boolean;
  repair: boolean;
  state: 'requested' | 'running' | 'done' | 'failed' | 'cancelled';
  /** `files` and `bytes` are done, of `filesFound` and `bytesFound`. */
  files: number;
  bytes: number;
  filesFound: number;
  bytesFound: number;
  /** The recent rate, and the remaining time at that rate. Set only while the run works. */
  bytesPerSecond?: number;
  secondsLeft?: number;
  /**
   * What a verify or an adoption found, per host. `pathFindings` lists at most the first 1,000
   * paths.
   */
  findings?: HostFindings[];
  pathFindings?: { host: HostId; path: Path; finding: Finding }[];
  /** The failures, per host. */
  failures: { host: HostId; failure: Failure }[];
  /** Files that a dry run would transfer; at most the first 1,000. */
  wouldTransfer?: { host: HostId; path: Path }[];
  failure?: Failure;
  requestedAt: Date;
  startedAt?: Date;
  endedAt?: Date;
  requestedBy: string;
}

/**
 * A file that a document names and this host does not sync. Either an exclude pattern matches it,
 * or no sync dir of this host contains it.
 */
export type UnsyncedFile =
  | {
      readonly path: Path;
      readonly why: 'excluded';
      readonly syncDir: Path;
      readonly pattern: string;
    }
  | { readonly path: Path; readonly why: 'not synced here' };

/** A row of the database with values of a wrong type, moved out of its collection. */
export interface UnreadableRow {
  /** Its former collection, and its id there. */
  readonly collection: string;
  readonly id: string;
  /** The fields with values of a wrong type. */
  readonly fields: readonly string[];
  /** The row as extended JSON, cut to 65,536 characters. */
  readonly row: string;
  readonly at: Date;
}
/** Which paths documents name. No document names a path that appears in neither member. */
export interface NamedPaths {
  readonly named: ReadonlySet<Path>;
  /** Paths for which the search failed, with the reason. */
  readonly undetermined: ReadonlyMap<Path, string>;
}
