import type { ClientSession, Schema } from 'mongoose';
import type { Events } from '../model/events.js';
import type { PluginOptions } from '../config/config.js';
import type { ReadyLimits } from '../config/ready-limits.js';
import type { WaitOptions } from '../config/wait-options.js';
import type { Failure } from '../model/failure.js';
import type { Host, HostId, UnsyncableNames } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { Run } from '../model/run.js';
import type { SyncDir } from '../model/sync-dir.js';
import type { UnreadableRow } from '../model/unreadable-row.js';

/**
 * The values to register for a host. An omitted value keeps its stored value, or gets the default
 * given in docs/reference.md.
 */
export interface HostRegistration {
  hostname?: string;
  url?: string;
  sshPort?: number;
  username?: string;
  /** A path to a public key, or a literal public key line. */
  key?: string;
  /**
   * Makes an ed25519 key pair in the state folder, or uses the pair made there before. Excludes
   * `key`.
   */
  generate?: boolean;
  root?: string;
  syncDirs?: readonly string[];
  /**
   * Gives the keys of other hosts a login shell here, for machines that cannot confine them to
   * the sync dirs.
   */
  unconfined?: boolean;
}

export interface PassiveHostRegistration extends Omit<HostRegistration, 'unconfined' | 'generate'> {
  hostname: string;
  root: string;
  /**
   * The fingerprint (`SHA256:…`) of one of its sshd's host keys. The server must present that
   * key.
   */
  fingerprint?: string;
  /**
   * A host key of its sshd, as the line of a `.pub` file, instead of the fingerprint. Its sshd is
   * not asked for its keys then.
   */
  hostKey?: string;
}

/** The source of a change of a host. */
export interface HostChange {
  /**
   * Whether the request comes from somebody who is not at one of the hosts. A change of what
   * identifies or reaches a host then makes the host pending, and nothing connects to an
   * unapproved address. Default false.
   */
  remote?: boolean;
}

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

/** The changeable fields of a registered host. */
export type HostEdit = Partial<
  Pick<Host, 'hostname' | 'url' | 'sshPort' | 'username' | 'rootPath'>
> & {
  syncDirs?: readonly string[];
  status?: 'approved' | 'paused';
  publicKey?: string;
};

/** The result of `init`: the host, and each check by name, with a remedy if it failed. */
export interface InitReport {
  host: Host;
  created: boolean;
  checks: { name: string; ok: boolean; message: string; remedy?: string }[];
}

export interface RunRequest {
  /** Host names or ids; empty or omitted: all. */
  hosts?: readonly string[];
  /** Sync dirs; empty or omitted: all. */
  dirs?: readonly string[];
  dryRun?: boolean;
  /** Who requests the run; stored with it. */
  by?: string;
}

/** The scope of a verify run; see RunRequest. */
export interface VerifyRequest {
  /** Hosts to verify, also this one; empty or omitted: all. */
  hosts?: readonly string[];
  dirs?: readonly string[];
  /**
   * Whether to fetch or send missing, rotten or outdated files, from bytes that match the ledger.
   * Default false.
   */
  repair?: boolean;
  by?: string;
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
  /** Paths that this host cannot receive while others go on; the first 20 with the reason. */
  blocked: number;
  blockedPaths: { path: string; failure: Failure; since: Date; retryAt?: Date }[];
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
  /** Declarations of its application that it cannot sync. */
  setup?: Host['setup'];
  /**
   * Saves whose documents named no file, by model. Expected if files are optional; a mistake if
   * every document has one.
   */
  unnamed?: Host['unnamed'];
}

export interface RecoverableFile {
  dir: Path;
  path: Path;
  keptAs: string;
  at: Date;
  size: number;
}

/** The content of a file on this host. */
export interface RecoverableContent {
  size: number;
  mtime: Date;
  sha256: string;
}

/**
 * A conflict compared with the file at its path on this host; `here` is absent if there is no
 * file.
 */
export interface ConflictComparison {
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

/** A document of a plugged model, or the path of one file (root-relative or absolute). */
export type NamedFiles = string | { readonly _id: unknown };

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
    failure?: Failure;
    failingSince?: Date;
    retryAt?: Date;
  }[];
  /**
   * Hosts that are neither to have this version nor to delete it, with the reason: a host waits
   * for approval, or its list of sync dirs leaves the path out. Absent without a version.
   */
  unconcerned?: { id: HostId; hostname: string; why: string }[];
}

export interface DocumentStatus {
  model?: string;
  id?: string;
  files: FileStatus[];
}

/**
 * An instance as the router and the command line see it. Methods throw SyncMediaError:
 * NOT_INITIALISED on a machine without a host id, NO_CONNECTION, CLOSED after `close()`.
 */
export interface SyncMedia {
  /** `schema.plugin(sync.plugin, options)`. */
  plugin(this: void, schema: Schema, options: PluginOptions): void;
  /**
   * Whether this machine has a host id. Without one the instance is inert: it captures and sends
   * nothing, and starts no timers.
   */
  readonly initialised: boolean;
  /**
   * Opens the database connection for the command line and scripts, without starting deliveries.
   */
  open(): Promise<void>;
  /**
   * Starts deliveries, runs and cron pulls. Idempotent. On a machine without a host id it logs
   * one line and does nothing.
   */
  start(): Promise<void>;
  /**
   * Stops what `start` has started, in reverse order. Waits for work in progress, but only for a
   * limited time. Idempotent.
   */
  close(): Promise<void>;

  readonly hosts: {
    list(): Promise<Host[]>;
    /** Finds a host by name or id. Throws UNKNOWN_HOST. */
    show(nameOrId: string): Promise<Host>;
    /** Registers this machine, or updates its row. Idempotent. */
    init(registration?: HostRegistration, change?: HostChange): Promise<InitReport>;
    /**
     * Registers a host that only has sshd and rsync: compares its host key with the fingerprint,
     * and marks its sync dirs.
     */
    add(registration: PassiveHostRegistration, change?: HostChange): Promise<Host>;
    /** Throws BAD_OPTION for the status of a pending host, which only `approve` changes. */
    edit(nameOrId: string, edit: HostEdit, change?: HostChange): Promise<Host>;
    /**
     * Approves a pending host. `digest` is that of the host as it was shown. Throws HOST_CHANGED
     * if its row has changed since.
     */
    approve(nameOrId: string, digest: string): Promise<Host>;
    /**
     * Renews every valid seal, and lists the hosts that a person has to approve first. Throws
     * BAD_ENVIRONMENT without a secret.
     */
    seal(): Promise<{ sealed: Host[]; pending: Host[] }>;
    /**
     * Reads the pinned host keys of a host (by name, id or address) and those it presents now.
     * Throws HOST_UNREACHABLE.
     */
    readKeys(host: string | { url: string; sshPort: number }): Promise<HostKeys>;
    /**
     * Pins the host keys with these fingerprints instead. Throws HOST_KEY_MISMATCH if the host
     * does not present them.
     */
    acceptKeys(nameOrId: string, fingerprints: readonly string[]): Promise<Host>;
    /**
     * Retires a host (default: this one). Nothing is pending for it any more, and every active
     * host removes its key.
     */
    unregister(nameOrId?: string): Promise<Host>;
  };

  /** Requests a run. Resolves when its row is stored. */
  push(request?: RunRequest): Promise<Run>;
  pull(request?: RunRequest): Promise<Run>;
  /**
   * Compares contents: this host with the ledger, and the other hosts with this one. The run's
   * `findings` list the faults.
   */
  verify(request?: VerifyRequest): Promise<Run>;
  /**
   * Adds existing files that have no entry to the ledger. Changes nothing unless `dryRun` is
   * false, which confirms the result of a dry run.
   */
  adopt(request?: RunRequest): Promise<Run>;
  readonly runs: {
    /** The newest first. */
    list(limit?: number): Promise<Run[]>;
    show(id: string): Promise<Run>;
    cancel(id: string): Promise<Run>;
    /**
     * Waits for the end of a run and reports its progress. Executes the run in this process if
     * this host has no leader. Throws CANCELLED if `signal` aborts; the run itself goes on.
     */
    follow(id: string, onProgress?: (run: Run) => void, signal?: AbortSignal): Promise<Run>;
  };

  status(): Promise<Status>;
  /** Examines this host, the database and the connection to every other host. Takes seconds. */
  doctor(): Promise<DoctorCheck[]>;
  /**
   * Shows each file that a document names, or one path: its version, the hosts that hold it, and
   * the hosts for which it is pending, with the reason. Throws BAD_OPTION, BAD_PATH.
   */
  statusOf(named: NamedFiles): Promise<DocumentStatus>;
  /** Shows the files of a stored document of a plugged model. Throws UNKNOWN_DOCUMENT. */
  showDocument(model: string, id: string): Promise<DocumentStatus>;
  /**
   * Waits until enough hosts hold every file that a document names, or one path. After a commit
   * it does the same as the plugin's `copies` does for a save. Throws MEDIA_COPIES_TIMEOUT, which
   * lists the holders and, for each other host, the reason.
   */
  waitFor(named: NamedFiles, options?: WaitOptions): Promise<CopiesResult>;
  /**
   * Whether this host has caught up and its backlog is within the limits. Never throws: an error
   * counts as not ready.
   */
  isReady(limits?: ReadyLimits): Promise<boolean>;
  /** Files on this host that can be restored: superseded versions in the trash, and conflicts. */
  readonly recoverable: {
    /** The newest first; at most `limit` (default 100) per sync dir. */
    list(area: 'trash' | 'conflicts', limit?: number): Promise<RecoverableFile[]>;
    /**
     * Places a recoverable file at its path again, as a new version for every host. The current
     * file there goes to the trash. `keptAs` as `list` returns it. Throws BAD_PATH if there is no
     * such file.
     */
    restore(dir: string, keptAs: string): Promise<void>;
  };
  /**
   * Files of this host that lost against another version, or that the ledger did not know. They
   * stay until a person decides.
   */
  readonly conflicts: {
    /** The newest first; at most `limit` (default 100) per sync dir. */
    list(limit?: number): Promise<RecoverableFile[]>;
    /**
     * Reads both files. `keptAs` as `list` returns it. Throws BAD_PATH if there is no such
     * conflict.
     */
    compare(dir: string, keptAs: string): Promise<ConflictComparison>;
    /** Does the same as `recoverable.restore`. */
    restore(dir: string, keptAs: string): Promise<void>;
    /**
     * Moves a conflict to the trash, which keeps it for 30 days. Throws BAD_PATH if there is no
     * such conflict.
     */
    discard(dir: string, keptAs: string): Promise<void>;
  };
  /** Removals that wait for a person's decision, because there were too many at once. */
  readonly removals: {
    list(): Promise<{ host: Host; dir: Path; failure: Failure }[]>;
    /**
     * Throws BAD_SYNC_DIR if none wait there. `host`: name or id; default: every host on which
     * they wait.
     */
    decide(dir: string, decision: 'approved' | 'rejected', host?: string): Promise<void>;
  };
  /**
   * Captures files that the app wrote without a document, always as new versions. Paths are
   * root-relative or absolute.
   */
  capture(paths: readonly string[], options?: { session?: ClientSession }): Promise<void>;
  /**
   * Captures files that the app has deleted, or is about to, without a document. They are treated
   * like files that no document names any more, so their sync dir needs `onDelete: 'propagate'`.
   * Paths are root-relative or absolute.
   */
  remove(paths: readonly string[], options?: { session?: ClientSession }): Promise<void>;
  /**
   * The changes made through the router and the command line, with their authors. The newest
   * first; the newest 10,000 are stored.
   */
  readonly audit: { list(limit?: number): Promise<AuditEntry[]> };
  /**
   * The same instance on behalf of somebody: the audit log records each change under this name
   * before it is made.
   */
  as(by: string): SyncMedia;
  on<K extends keyof Events>(event: K, listener: (event: Events[K]) => void): () => void;
}
