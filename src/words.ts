/**
 * The glossary as types (ARCHITECTURE.md, "Words"). This file imports nothing; every stage may import it.
 */

/** Made once at `init`, kept in the host's state folder. */
export type HostId = string;
/** Random, made when an entry is written; compared for equality only, never ordered. */
export type Version = string;
/** Relative to the root, `/`-separated; only `root/` makes one, after refusing what could leave its sync dir. */
export type Path = string & { readonly safe: true };

export type Conflict = 'newer' | 'keep' | 'overwrite';

/** What rsync and SFTP can carry of a file: size in bytes, mtime in whole seconds since the epoch; sha256 (hex) once known. */
export interface Facts { readonly size: number; readonly mtime: number; readonly sha256?: string }

/**
 * What one host saw on its own disk. `nanos` is the fraction of the mtime, 0 where a transfer or the file system dropped it. `stamp` is
 * inode and change time: no program sets these back, so a file with another stamp may have other bytes, whatever its size and date.
 * Only this machine's own disk tells it.
 */
export interface Seen extends Facts { readonly nanos: number; readonly stamp?: string }

/** What lies at a path, to its entry. */
export type Standing = 'current' | 'old' | 'unknown' | 'absent';

/**
 * Why something did not work. `of` says whose failure it is: a host's failure backs its whole lane off, a path's blocks that
 * path alone. Without `retryable` it waits for a person.
 */
export interface Failure { readonly code: string; readonly message: string; readonly retryable: boolean; readonly of: 'host' | 'path' }

/** A directory kept in sync, with its rules. Stored, so that the CLI, cron and every worker go by the same ones. */
export interface SyncDir {
  readonly path: Path;
  /** rsync exclude patterns, relative to the sync dir. */
  readonly exclude: readonly string[];
  readonly conflict: Conflict;
  readonly onDelete: 'keep' | 'propagate';
}

/** The rules of a sync dir as the database has them. They open no directory. */
export interface StoredRules extends SyncDir {
  /** Their row has no valid seal: all but `exclude` are the defaults. Never stored. */
  readonly unsealed?: true;
}

/** How this host, as sender, gets on with another one. */
export interface Lane { deliveredAt?: Date; failure?: Failure; failingSince?: Date; nextTryAt?: Date }

export interface ScanTimes { all: Date; changed: Date }

/** A machine that keeps a replica. Only the host itself writes `lease`, `lanes`, `sweeps`, `scans`, `knows` and `halted`. */
export interface Host {
  id: HostId;
  hostname: string;
  /** The name or address (FQDN) under which the others connect to its sshd. */
  url: string;
  sshPort: number;
  username: string;
  /** One OpenSSH public key line; empty for a passive host that never connects anywhere. */
  publicKey: string;
  /** Its sshd's public keys (`ssh-ed25519 AAAA…`), pinned by the others. */
  hostKeys: string[];
  rootPath: string;
  /** Allow-list of sync dirs; empty means all. */
  syncDirs: Path[];
  backend: 'rsync' | 'git' | 'git-annex';
  /** A passive host only has sshd and rsync: files are sent to it and fetched from it, it never sends. */
  passive: boolean;
  /** A person's decision. Approved and paused hosts are owed; paused ones are not sent to. */
  status: 'pending' | 'approved' | 'paused' | 'retired';
  /** Pending because its row was written without this site's secret, or changed since. Never stored. */
  unsealed?: true;
  /** Fields of its row that hold something else than they should; they count as left out. Never stored. */
  unreadable?: readonly string[];
  /** Its row carries a seal that this machine cannot check, because it has no secret. Never stored. */
  uncheckedSeal?: true;
  /** A fact, filled once; until then the host is no source for anyone. */
  readyAt?: Date;
  /** `socket`: the file (device and inode) that its holder listens at for as long as it works. */
  lease?: { holder: string; beat: number; socket?: string };
  lanes: Record<HostId, Lane>;
  /** Sync dir → when its owed scan is due. */
  sweeps: Record<string, Date>;
  /** Raised by senders: new files are here. */
  landed: number;
  halted: Record<string, Failure>;
  /** Sync dir → names on its disk that cannot be synced, as the newest scan found them. */
  unsyncable?: Record<string, Unsyncable>;
  /** What a person decided of removals that waited: sync dir → decision, for candidates older than it. */
  removals?: Record<string, RemovalDecision>;
  /** Hosts (with the sync dirs they wanted then) that this one, as sender, has owed what it captured before it knew them. */
  filled?: string[];
  /** Hosts that were not ready and that this one folds for: no fold by a host list without them is under way any more. */
  knows?: HostId[];
  /** Sync dir → when its last regular scans began: of everything, and of the directories that had changed. */
  scans?: Record<string, ScanTimes>;
  /** When it was last at work, by its own clock, to the hour; only a long absence is told by it. */
  seenAt?: Date;
  /**
   * Since when it is back with a disk that was a replica before. Until it is ready, files older than that and unknown to the ledger are
   * set aside instead of contributed: what was deleted meanwhile must not come back.
   */
  returnedAt?: Date;
  /** What its application declares and it cannot sync, as its processes found at their start. */
  setup?: SetupProblem[];
  /** Model → its saves here that named no file. */
  unnamed?: Record<string, UnnamedSaves>;
  reload?: { at: Date; exitCode: number | null; output: string };
  software?: { syncmedia: string; node: string };
  createdAt: Date;
  updatedAt: Date;
}

/** Names that cannot be synced (not valid UTF-8, too long, in a directory that may not be read): how many, and the first 20 with why. */
export interface Unsyncable { count: number; examples: { path: string; why: string }[] }

/** Something that an application declares and its host cannot sync as it stands. `about`: the sync dir, field or directory. */
export interface SetupProblem { readonly about: string; readonly message: string; readonly remedy: string }

/** Saves of a model whose documents named no file. */
export interface UnnamedSaves { readonly count: number; readonly lastDocument: string; readonly lastAt: Date }

export interface RemovalDecision { decision: 'approved' | 'rejected'; at: Date }

export interface Asserted { readonly path: Path; readonly seen: Seen }

export interface SavedBy { model: string; id: string }

/** A row of the outbox: what one operation touched. Inserted in its session, folded by the lease holder, then removed. */
export interface Capture {
  id: string;
  host: HostId;
  dueAt: Date;
  savedBy?: SavedBy;
  /** Named by the document now. */
  touched: Path[];
  /** No longer named: where deletes propagate, candidates to be deleted. */
  left: Path[];
  /** Since when `left` are candidates; looked at again for ten minutes. */
  leftSince?: Date;
  /** Sync dirs to scan a little later, with the delay in seconds. */
  sweep: { dir: Path; after: number }[];
  /**
   * What lay there when somebody said that it is news whatever its facts (`capture(paths)`): always a new version, unless other bytes
   * lie there by now.
   */
  asserted?: Asserted[];
}

export interface Superseded extends Facts {
  readonly nanos?: number;
  readonly version: Version;
  /** Replaced by a host that did not hold it: two hosts wrote at once. Copies of it are conflicts. */
  readonly lost: boolean;
}

export interface Blocked {
  readonly host: HostId;
  readonly failure: Failure;
  readonly since: Date;
  /** None: waits for a person. */
  readonly retryAt?: Date;
}

/** One path. Towards it a host is one of: holding, owed, blocked, not concerned. */
export interface Entry {
  path: Path;
  version: Version;
  kind: 'file' | 'tombstone';
  /** Absent for a tombstone. `nanos` as seen on the disk of the host that captured it. */
  facts?: Seen;
  /** The newest 16 versions that were replaced, oldest first. */
  superseded: Superseded[];
  /** The one host that delivers it. */
  sender: HostId;
  /** Who saw the bytes first: on that disk alone nanoseconds compare without a hash. */
  capturedBy: HostId;
  /** Set where the sender is gone from the holders: a holder may adopt the entry. */
  adoptable?: boolean;
  /** Set where size and mtime do not pin the bytes yet (just written when captured, or too large to hash then): the next sweep hashes. */
  unsure?: boolean;
  /** Set where a conflict rule decided that it wins: what other hosts have at the path, and the ledger does not know, loses to it. */
  overrules?: boolean;
  heldBy: HostId[];
  /**
   * By host: the stamp of its file when this host last knew that the bytes are those of the version; `removed` where its app has removed
   * the file since. A host that got the version from another one has none until it has compared the content.
   */
  stamps?: Record<HostId, string>;
  owed: HostId[];
  dueAt: Date;
  blocked: Blocked[];
  savedBy?: SavedBy;
  capturedAt: Date;
}

/** What is to happen to one path on the other side. */
export type Change = { readonly path: Path; readonly dir: SyncDir; readonly version: Version; readonly savedBy?: SavedBy } & (
  /** `rule` only where the ledger does not know the other side. */
  | { readonly do: 'put'; readonly facts: Facts; readonly rule?: Conflict; readonly overrules?: true }
  | { readonly do: 'remove' });

/** What came of a change. `via` names what carried it (`rsync`, `sftp`). */
export type Outcome = { readonly change: Change; readonly via: string; readonly bytes: number } & (
  | { readonly result: 'delivered'; readonly sha256?: string }
  /** kept: the other side's own file won; changed: the source moved while it was sent; vanished: no source. */
  | { readonly result: 'kept' | 'changed' | 'vanished' }
  /** refused: for good; failed: to be tried again. */
  | { readonly result: 'refused' | 'failed'; readonly failure: Failure });

export interface Difference {
  readonly path: Path;
  readonly here?: Facts;
  readonly there?: Facts;
  /** Set where contents were compared, and only the dates differ. */
  readonly sameBytes?: true;
}

/**
 * Where what a landing replaced or removed goes. drop: the very bytes that were sent; put-back: a landing of its own, which
 * replaces and is judged again; return: put back only where the path is empty, else kept as a conflict.
 */
export type Verdict = 'drop' | 'trash' | 'conflict' | 'put-back' | 'return';

/** How bytes came aside: replaced by a put, or by what was put back; taken away by a removal; or found left there by a crash. */
export type AsideBy = 'replaced' | 'put-back' | 'removed' | 'leftover';

/**
 * What is wrong at a path of one host, to the ledger: it should be there and is not; it is there and no entry has it; it is there with
 * other bytes or another time. An adoption goes by its own host's disk instead: only here, only there, different.
 */
export type Finding = 'missing' | 'extra' | 'different';

/** How many of each were found at one host; `same` where it is known, `repaired` of the missing and different ones. */
export interface HostFindings { host: HostId; same?: number; missing: number; extra: number; different: number; repaired: number }

/** A push, pull, verify, adoption or bootstrap: a row first, then carried out by whoever holds the lease of `at`. */
export interface Run {
  id: string;
  kind: 'push' | 'pull' | 'verify' | 'adopt' | 'bootstrap';
  at: HostId;
  /** Empty: all. */
  hosts: HostId[];
  /** Empty: all. */
  dirs: Path[];
  dryRun: boolean;
  repair: boolean;
  state: 'asked' | 'running' | 'done' | 'failed' | 'cancelled';
  /** Done so far, of what was found. */
  files: number; bytes: number; filesFound: number; bytesFound: number;
  /** Lately, and how long the rest takes at that pace, in seconds; only while it runs. */
  bytesPerSecond?: number; secondsLeft?: number;
  /** What a verify or an adoption found, per host, and at which paths; of these at most the first 1,000. */
  findings?: HostFindings[];
  foundAt?: { host: HostId; path: Path; is: Finding }[];
  /** Per host: what stands in the way. */
  failures: { host: HostId; failure: Failure }[];
  /** What a dry run would transfer; at most the first 1,000. */
  wouldTransfer?: { host: HostId; path: Path }[];
  failure?: Failure;
  askedAt: Date; startedAt?: Date; endedAt?: Date;
  askedBy: string;
}

/**
 * A file that a document names and this host does not sync: an exclude pattern of its sync dir matches it, or this host keeps no sync dir that
 * holds it.
 */
export type Unsynced =
  | { readonly path: Path; readonly why: 'excluded'; readonly syncDir: Path; readonly pattern: string }
  | { readonly path: Path; readonly why: 'not kept here' };

/** A row of the database that held something else than it should, and was set aside. */
export interface UnreadableRow {
  /** The collection that it stood in, and its id there. */
  readonly collection: string;
  readonly id: string;
  /** The fields that hold something else than they should. */
  readonly fields: readonly string[];
  /** The row as extended JSON; its first 65,536 characters. */
  readonly row: string;
  readonly at: Date;
}
/** What documents say of paths. No document names a path that is in neither. */
export interface Named {
  readonly named: ReadonlySet<Path>;
  /** Paths of which this cannot be said, and why. */
  readonly unjudged: ReadonlyMap<Path, string>;
}
