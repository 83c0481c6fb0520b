import type { ClientSession, Schema } from 'mongoose';
import type { Events } from '../model/events.js';
import type { Overview } from './overview.js';
import type { PluginOptions } from '../config/config.js';
import type { ReadyLimits } from '../config/ready-limits.js';
import type { WaitOptions } from '../config/wait-options.js';
import type { Failure } from '../model/failure.js';
import type { MetricsAnswer } from './metrics.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { Run } from '../model/run.js';
import type { HistoryActions } from './history.js';
import type {
  HostChange,
  HostEdit,
  HostRegistration,
  NamedFiles,
  PassiveHostRegistration,
  RunRequest,
  VerifyRequest,
} from './requests.js';
import type {
  AuditEntry,
  ConflictComparison,
  CopiesResult,
  DoctorCheck,
  DocumentStatus,
  HostKeys,
  InitReport,
  PurgeReport,
  RecoverableFile,
  Status,
} from './reports.js';

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
    /**
     * Throws BAD_OPTION for the status of a host that waits for approval, which only `approve`
     * changes.
     */
    edit(nameOrId: string, edit: HostEdit, change?: HostChange): Promise<Host>;
    /**
     * Approves a host. `digest` is that of the host as it was shown. Throws HOST_CHANGED
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
    /**
     * Retires this host and removes what syncmedia keeps on this machine: keys, state folder, and
     * `.syncmedia` of each sync dir. On the last host it also drops the collections. Uploads and
     * documents stay. Changes nothing unless `dryRun` is false. Throws BAD_STATE while a process
     * leads this host.
     */
    purge(options?: { dryRun?: boolean }): Promise<PurgeReport>;
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
  /**
   * Shows the whole site: the state of each host with its remedy, what needs a person, runs, and
   * what happened last. Everyone in this process gets the same reading, which is at most a second
   * old, or ten times as old as it took. If the database does not answer any more, `unavailable`
   * says since when the last reading is out of date. Also works on a machine without a host id.
   * Throws NO_CONNECTION, TIMED_OUT if nothing was read before.
   */
  overview(): Promise<Overview>;
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
   * Writes the metrics of the whole site for Prometheus. Throws NO_PROM_CLIENT if that package is
   * not installed.
   */
  metrics(): Promise<MetricsAnswer>;
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
  /** The versions that the history of this host remembers. */
  readonly history: HistoryActions;
  /**
   * Names the author of everything that `work` saves, for the history: `sync.withAuthor(user.name,
   * () => photo.save())`. Returns what `work` returns.
   */
  withAuthor<T>(this: void, author: string, work: () => T): T;
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
