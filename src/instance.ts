import type { ClientSession, Schema } from 'mongoose';
import type { Events } from './events.js';
import type { PluginOptions } from './options/config.js';
import type { Copies } from './planning/copies.js';
import type { Failure, Host, HostId, Path, Run, SyncDir, UnreadableRow } from './words.js';

/** What to register of a host. Everything left out keeps its stored value, or gets the default said in the README. */
export interface HostRegistration {
  hostname?: string;
  url?: string;
  sshPort?: number;
  username?: string;
  /** A path to a public key, or a literal public key line. */
  key?: string;
  /** Makes an ed25519 key pair in the state folder, or takes the one that was made there before, instead of a key that was given. */
  generate?: boolean;
  root?: string;
  syncDirs?: readonly string[];
  /** Lets the keys of other hosts open a login shell here, where they cannot be confined to the sync dirs. */
  unconfined?: boolean;
}

export interface PassiveHostRegistration extends Omit<HostRegistration, 'unconfined' | 'generate'> {
  hostname: string;
  root: string;
  /** `SHA256:…` of one of its sshd's host keys; the keys it shows must include it. */
  fingerprint?: string;
  /** Instead of the fingerprint: a host key of its sshd, as the line of a `.pub` file. Nothing is asked then. */
  hostKey?: string;
}

/** How a change of a host is asked for. */
export interface Change {
  /**
   * By somebody who is not at one of the hosts: what identifies or reaches a host then makes it pending, and nothing is connected to
   * that was not approved. Default false.
   */
  remote?: boolean;
}

/** One thing that `doctor` looked at. */
export interface DoctorCheck {
  readonly name: string;
  /** info: nothing fails because of it. */
  readonly state: 'ok' | 'info' | 'failed';
  readonly message: string;
  /** What to do; always there where it failed. */
  readonly remedy?: string;
}

/** One change that somebody asked for through the router or the command line. */
export interface AuditEntry {
  readonly id: string;
  readonly at: Date;
  /** Who, as far as it is known: the name given to the router or the user of the command line, and where from. */
  readonly by: string;
  readonly what: string;
  /** With which arguments, as JSON; at most 2,048 characters. */
  readonly asked: string;
  /** The host on which it was asked for; none where that machine was not initialised. */
  readonly host?: HostId;
  /** begun: it is under way, or its process died; done; else the code of its error. */
  readonly outcome: string;
}

/** Fingerprints (`SHA256:…`) of a host's sshd. */
export interface HostKeys { readonly pinned: readonly string[]; readonly shown: readonly string[] }

/** What may be changed of a registered host. */
export type HostEdit = Partial<Pick<Host, 'hostname' | 'url' | 'sshPort' | 'username' | 'rootPath'>> & {
  syncDirs?: readonly string[]; status?: 'approved' | 'paused'; publicKey?: string;
};

/** What init found when it tried this host: each check by name, with the remedy where it failed. */
export interface InitReport {
  host: Host;
  created: boolean;
  checks: { name: string; ok: boolean; message: string; remedy?: string }[];
}

export interface RunRequest {
  /** Host names or ids; empty or left out: all. */
  hosts?: readonly string[];
  /** Sync dirs; empty or left out: all. */
  dirs?: readonly string[];
  dryRun?: boolean;
  /** Who asks, for the record. */
  by?: string;
}

/** What to verify; see RunRequest. */
export interface VerifyRequest {
  /** Also this host, where it is named or nothing is. */
  hosts?: readonly string[];
  dirs?: readonly string[];
  /** Fetch or send what is missing, rotten or old, from bytes that match the ledger. Default false. */
  repair?: boolean;
  by?: string;
}

export interface HostStatus {
  id: HostId; hostname: string; status: Host['status']; passive: boolean; ready: boolean; thisHost: boolean;
  /** Entries this host is owed, by any sender, and since when the oldest waits. */
  owed: number; owedSince?: Date;
  /** Paths that fail there by themselves; the first 20 with why. */
  blocked: number; blockedPaths: { path: string; failure: Failure; since: Date; retryAt?: Date }[];
  /** The newest delivery by any sender; what stands in the way, by sender. */
  deliveredAt?: Date;
  failures: { sender: HostId; failure: Failure; since?: Date; nextTryAt?: Date }[];
  /** The process that holds its lease, and whether it beat lately (as seen by this process). */
  lease?: { holder: string };
  /** What stops this host, or one of its sync dirs, until a person acts. */
  halted: Host['halted'];
  /** Names that its scans met and that cannot be synced, by sync dir. */
  unsyncable?: Host['unsyncable'];
  /** Fields of its row in the database that hold something else than they should; they count as left out. */
  unreadable?: readonly string[];
  reload?: Host['reload'];
  /** What its application declares and it cannot sync. */
  setup?: Host['setup'];
  /** Saves whose documents named no file, by model: expected where a file is optional, a mistake where every document has one. */
  unnamed?: Host['unnamed'];
}

export interface KeptFile { dir: Path; path: Path; keptAs: string; at: Date; size: number }

/** Bytes that lie somewhere on this host. */
export interface KeptContent { size: number; mtime: Date; sha256: string }

/** A conflict beside what lies at its path on this host now; `here` is missing where nothing does. */
export interface ConflictComparison { dir: Path; path: Path; keptAs: string; kept: KeptContent; here?: KeptContent; identical: boolean }

export interface Status {
  initialised: boolean;
  thisHost?: { id: HostId; hostname: string };
  hosts: HostStatus[];
  syncDirs: SyncDir[];
  /** Sync dirs whose rules in the database have no valid seal: all but `exclude` are the defaults. */
  unsealedRules?: readonly Path[];
  captures: number;
  entries: number;
  /** Entries without any holder: shown until a person drops them. */
  missing: number; missingPaths: string[];
  /** What lies in this host's `.syncmedia/conflicts`; at most the first 100. */
  conflicts: { path: string; keptAs: string; at: Date; size: number }[];
  /** Rows of the database that hold something else than they should and were set aside; the newest 20. */
  unreadableRows: { count: number; newest: Omit<UnreadableRow, 'row'>[] };
}

/** A document of a plugged model, or the path of one file, root-relative or absolute. */
export type NamedFiles = string | { readonly _id: unknown };

export interface WaitOptions {
  /** This host included. Default `all` hosts that are to have it. */
  copies?: Copies;
  /** Milliseconds. Default 5,000. */
  timeout?: number;
}

/** Hosts by name, for each file that was waited for. */
export interface CopiesResult {
  files: { path: string; needed: number; heldBy: string[]; lackedBy: { hostname: string; why: string }[] }[];
}

export interface FileStatus {
  path: string;
  /** False where no operation has named it: the file may be here all the same. */
  captured: boolean;
  /**
   * Hosts that have captured the path and not folded it yet, where there are any: what they have may be newer than what is said here of its
   * version, which is missing where it has none yet.
   */
  pendingCaptures?: { id: HostId; hostname: string }[];
  /** Why this host does not sync it, although a document names it: the pattern of `exclude` that matches, or that this host does not keep its sync dir. */
  unsynced?: { why: 'excluded' | 'not kept here'; message: string; syncDir?: string; pattern?: string };
  kind?: 'file' | 'tombstone'; version?: string; size?: number; sha256?: string; capturedAt?: Date;
  sender?: { id: HostId; hostname: string };
  heldBy: { id: HostId; hostname: string }[];
  /** Who has not got this version, since when, and what its sender last met with. `blocked`: this path fails there by itself. */
  owed: { id: HostId; hostname: string; since: Date; blocked: boolean; failure?: Failure; failingSince?: Date; retryAt?: Date }[];
}

export interface DocumentStatus { model?: string; id?: string; files: FileStatus[] }

/** How far behind a host may be that takes visitors. */
export interface ReadyLimits {
  /** Seconds that the oldest file it is owed may have waited. Default 300. */
  maxBehind?: number;
  /** Files it may be owed. Default 1,000. */
  maxFiles?: number;
}

/**
 * What an instance offers: all that the router and the command line see. Methods throw SyncMediaError: NOT_INITIALISED on a
 * machine without a host id, NO_CONNECTION, CLOSED after `close()`.
 */
export interface SyncMedia {
  /** `schema.plugin(sync.plugin, options)`. */
  plugin(this: void, schema: Schema, options: PluginOptions): void;
  /** Whether this machine has a host id. Without one the instance is inert: it saves, sends and times nothing. */
  readonly initialised: boolean;
  /** Ready to work on the database: for the command line and scripts; starts no lanes. */
  open(): Promise<void>;
  /** Lanes, runs and cron pulls. Idempotent; on a machine without a host id it logs one line and does nothing. */
  start(): Promise<void>;
  /** Stops what `start` started, last first; waits for what is under way, bounded. Idempotent. */
  close(): Promise<void>;

  readonly hosts: {
    list(): Promise<Host[]>;
    /** By name or id; throws UNKNOWN_HOST. */
    show(nameOrId: string): Promise<Host>;
    /** Registers this machine, or brings its row up to date. Idempotent. */
    init(registration?: HostRegistration, change?: Change): Promise<InitReport>;
    /** Registers a host that only has sshd and rsync, after comparing its host key with the fingerprint, and marks its sync dirs. */
    add(registration: PassiveHostRegistration, change?: Change): Promise<Host>;
    /** Throws BAD_OPTION where a pending host would get another status: approving is `approve`. */
    edit(nameOrId: string, edit: HostEdit, change?: Change): Promise<Host>;
    /** Lets a pending host in. `digest`: of the host as it was shown. Throws HOST_CHANGED where it is another one by now. */
    approve(nameOrId: string, digest: string): Promise<Host>;
    /** Seals every host anew that has a valid seal; names those that a person has to approve first. Throws BAD_ENVIRONMENT without a secret. */
    seal(): Promise<{ sealed: Host[]; pending: Host[] }>;
    /** What is pinned of a host, by name, id or address, and what answers there shows. Throws HOST_UNREACHABLE. */
    readKeys(host: string | { url: string; sshPort: number }): Promise<HostKeys>;
    /** Pins the host keys with these fingerprints instead. Throws HOST_KEY_MISMATCH where the host does not show them. */
    acceptKeys(nameOrId: string, fingerprints: readonly string[]): Promise<Host>;
    /** Retires a host (default: this one): owed nothing more, its key leaves every active host. */
    unregister(nameOrId?: string): Promise<Host>;
  };

  /** Asks for a run; resolves when the row is stored. */
  push(request?: RunRequest): Promise<Run>;
  pull(request?: RunRequest): Promise<Run>;
  /** Compares by content, this host with the ledger and the other hosts with this one; the run's `findings` say what is wrong where. */
  verify(request?: VerifyRequest): Promise<Run>;
  /** Takes over files that no ledger knows yet. Changes nothing unless `dryRun` is false, which confirms what a dry run showed. */
  adopt(request?: RunRequest): Promise<Run>;
  readonly runs: {
    /** The newest first. */
    list(limit?: number): Promise<Run[]>;
    show(id: string): Promise<Run>;
    cancel(id: string): Promise<Run>;
    /**
     * Follows a run to its end, telling progress; carries it out here when nobody holds the lease of this host.
     * Throws CANCELLED when `signal` aborts (the run itself goes on).
     */
    follow(id: string, onProgress?: (run: Run) => void, signal?: AbortSignal): Promise<Run>;
  };

  status(): Promise<Status>;
  /** Examines this host, the database and the way to every other host; takes seconds. */
  doctor(): Promise<DoctorCheck[]>;
  /** Each file that a document names, or one path: its version, who holds it, who is owed it and why. Throws BAD_OPTION, BAD_PATH. */
  statusOf(named: NamedFiles): Promise<DocumentStatus>;
  /** The same of a stored document of a plugged model. Throws UNKNOWN_DOCUMENT. */
  showDocument(model: string, id: string): Promise<DocumentStatus>;
  /**
   * Waits until enough hosts hold every file that a document names, or one path; after a commit it does what the plugin's `copies`
   * does for a save. Throws MEDIA_COPIES_TIMEOUT, which says who holds what, who does not and why.
   */
  waitFor(named: NamedFiles, options?: WaitOptions): Promise<CopiesResult>;
  /** Whether this host is filled, and at most so far behind. Never throws: what cannot be known is not ready. */
  isReady(limits?: ReadyLimits): Promise<boolean>;
  /** What was set aside on this host: old versions in the trash, and what lost in conflicts. */
  readonly kept: {
    /** The newest first; at most `limit` (100) of each sync dir. */
    list(area: 'trash' | 'conflicts', limit?: number): Promise<KeptFile[]>;
    /**
     * Lands a kept file at its path again, as a new version for every host, and what lies there goes to the trash. `keptAs` as `list`
     * gives it. Throws BAD_PATH where no such file is kept.
     */
    restore(dir: string, keptAs: string): Promise<void>;
  };
  /** Files of this host that lost against another version, or that the ledger did not know. They stay until a person decides. */
  readonly conflicts: {
    /** The newest first; at most `limit` (100) of each sync dir. */
    list(limit?: number): Promise<KeptFile[]>;
    /** Reads both files. `keptAs` as `list` gives it. Throws BAD_PATH where no such conflict is kept. */
    compare(dir: string, keptAs: string): Promise<ConflictComparison>;
    /** As `kept.restore`. */
    restore(dir: string, keptAs: string): Promise<void>;
    /** Moves it to the trash, which keeps it for 30 days. Throws BAD_PATH where no such conflict is kept. */
    discard(dir: string, keptAs: string): Promise<void>;
  };
  /** Removals that wait for a person, because they were so many at once. */
  readonly removals: {
    list(): Promise<{ host: Host; dir: Path; failure: Failure }[]>;
    /** Throws BAD_SYNC_DIR where none wait there. `host`: name or id; default: every host where they wait. */
    decide(dir: string, decision: 'approved' | 'rejected', host?: string): Promise<void>;
  };
  /** Files the app wrote without a document: always a new version. Root-relative or absolute paths. */
  capture(paths: readonly string[], options?: { session?: ClientSession }): Promise<void>;
  /**
   * Files the app deleted, or is about to, without a document. They go the way of files that no document names any more, which
   * needs `onDelete: 'propagate'` for their sync dir. Root-relative or absolute paths.
   */
  remove(paths: readonly string[], options?: { session?: ClientSession }): Promise<void>;
  /** Who changed what through the router and the command line. The newest first; the newest 10,000 are kept. */
  readonly audit: { list(limit?: number): Promise<AuditEntry[]> };
  /** The same for somebody: what changes something through it is recorded in the audit log under this name, before it is done. */
  as(by: string): SyncMedia;
  on<K extends keyof Events>(event: K, listener: (event: Events[K]) => void): () => void;
}
