import type { ClientSession, Schema } from 'mongoose';
import type { Events } from '../model/events.js';
import type { Overview } from './overview.js';
import type { PluginOptions } from '../config/config.js';
import type { ReadyLimits } from '../config/ready-limits.js';
import type { WaitOptions } from '../config/wait-options.js';
import type { MetricsAnswer } from './metrics.js';
import type { Host } from '../model/host.js';
import type { Run } from '../model/run.js';
import type { HistoryActions } from './history.js';
import type {
  FileQuery,
  HostChange,
  HostEdit,
  HostRegistration,
  NamedFiles,
  PassiveHostRegistration,
  RecoverableDecision,
  RecoverableQuery,
  RetryRequest,
  RunQuery,
  RunRequest,
  ShownHost,
  VerifyRequest,
} from './requests.js';
import type {
  AuditEntry,
  ConflictComparison,
  CopiesResult,
  DoctorCheck,
  DocumentStatus,
  FilePage,
  HostChangePreview,
  HostKeys,
  InitReport,
  ModelDescription,
  PictureContent,
  PurgeReport,
  RecoverableFile,
  Status,
  WaitingRemovals,
} from './reports.js';

/**
 * An instance as the router and the command line see it. Methods throw SyncMediaError:
 * NOT_INITIALISED on a machine without a host id, NO_CONNECTION, CLOSED after `close()`.
 */
export interface SyncMedia {
  /** `schema.plugin(sync.plugin, options)`. Throws BAD_OPTION, BAD_SYNC_DIR naming the fault. */
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
   * one line and does nothing. Throws BAD_STATE if the connection leads to another database than
   * `init` had, FORMAT_TOO_NEW if a newer version of syncmedia has written the database.
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
    /** Logs in to a host and tries what deliveries need, from this host. Takes seconds. */
    test(nameOrId: string): Promise<InitReport['checks']>;
    /** Shows what retiring or pausing a host does to files, before somebody decides. */
    previewChange(nameOrId: string, to: 'retired' | 'paused'): Promise<HostChangePreview>;
    /**
     * Retires a host (default: this one). Nothing is pending for it any more, and every active
     * host removes its key. Throws HOST_CHANGED or CHANGED if it is no longer as `shown`, and
     * HOST_RETIRED if its application saved files while it was retired with `safe`.
     */
    unregister(nameOrId?: string, shown?: ShownHost): Promise<Host>;
    /**
     * Retires this host and removes what syncmedia keeps on this machine: keys, state folder, and
     * `.syncmedia` of each sync dir. On the last host it also drops the collections. Uploads and
     * documents stay. Changes nothing unless `dryRun` is false. Throws BAD_STATE while a process
     * leads this host.
     */
    purge(options?: { dryRun?: boolean }): Promise<PurgeReport>;
  };

  /**
   * Requests a run, on this host or `at` another. Resolves when its row is stored; `waits` says so
   * if nothing leads that host. Throws BAD_OPTION, HOST_RETIRED or HOST_CLONED for a host that
   * cannot carry it out, and BAD_SYNC_DIR for a sync dir that it does not keep.
   */
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
    /** The newest first; a number is the limit. Throws BAD_OPTION, UNKNOWN_HOST. */
    list(query?: number | RunQuery): Promise<Run[]>;
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
   * what happened last. Everyone in this process gets the same reading, which is at most two
   * seconds old, or twenty times as old as it took; `at` is its time. If the database does not
   * answer any more, `unavailable` says since when the last reading is out of date. Also works on
   * a machine without a host id. Throws NO_CONNECTION, TIMED_OUT if nothing was read before.
   */
  overview(): Promise<Overview>;
  /**
   * Examines this host, the database and the connection to every other host; or what can be seen
   * of another host from here. `siteUrl`: the public address of the site, which is asked whether it
   * publishes internal folders. Takes seconds. Throws UNKNOWN_HOST, BAD_OPTION.
   */
  doctor(options?: { host?: string; siteUrl?: string }): Promise<DoctorCheck[]>;
  /**
   * Shows each file that a document names, or one path: its version, the hosts that hold it, and
   * the hosts for which it is pending, with the reason. Throws BAD_OPTION, BAD_PATH.
   */
  statusOf(named: NamedFiles): Promise<DocumentStatus>;
  /** Shows the files of a stored document of a plugged model. Throws UNKNOWN_DOCUMENT. */
  showDocument(model: string, id: string): Promise<DocumentStatus>;
  readonly files: {
    /**
     * Finds files by path, document, public address or state. Throws BAD_OPTION, BAD_PATH,
     * UNKNOWN_HOST, UNKNOWN_DOCUMENT; TIMED_OUT if a search takes the database longer than two
     * seconds.
     */
    find(query: FileQuery): Promise<FilePage>;
    /**
     * Tries deliveries again at once, whichever host delivers them, also those that wait for a
     * person. `retried` counts them. Throws BAD_OPTION, BAD_PATH, UNKNOWN_HOST.
     */
    retry(request: RetryRequest): Promise<{ retried: number }>;
  };
  /** The models that name files, by name. */
  models(): Promise<ModelDescription[]>;
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
   * Whether this host has caught up and its backlog is within the limits. Throws BAD_OPTION for
   * malformed limits; every other error counts as not ready.
   */
  isReady(limits?: ReadyLimits): Promise<boolean>;
  /**
   * Files on this host, or on one that can be reached from here, that can be restored: superseded
   * versions in the trash, and conflicts. For another host: UNKNOWN_HOST, BAD_OPTION while it waits
   * for approval, HOST_UNREACHABLE, TIMED_OUT after 20 seconds.
   */
  readonly recoverable: {
    /** The newest first; a number is the limit. */
    list(
      area: 'trash' | 'conflicts',
      query?: number | RecoverableQuery,
    ): Promise<RecoverableFile[]>;
    /**
     * Places a recoverable file at its path again, as a new version for every host. The current
     * file there goes to the trash. `keptAs` as `list` returns it. Throws BAD_PATH if there is no
     * such file, CHANGED if it is not as shown. Another host does it by itself: then this returns
     * its run.
     */
    restore(dir: string, keptAs: string, decision?: RecoverableDecision): Promise<Run | undefined>;
  };
  /** The versions that the history of this host remembers. */
  readonly history: HistoryActions;
  /**
   * Names the author of everything that `work` saves, for the history: `sync.withAuthor(user.name,
   * () => photo.save())`. Returns what `work` returns.
   */
  withAuthor<T>(this: void, author: string | null | undefined, work: () => T): T;
  /**
   * Files that lost against another version, or that the ledger did not know. They stay until a
   * person decides. Hosts and errors as for `recoverable`.
   */
  readonly conflicts: {
    /** The newest first; a number is the limit. Files with the current bytes are left out. */
    list(query?: number | RecoverableQuery): Promise<RecoverableFile[]>;
    /**
     * Reads both files. `keptAs` as `list` returns it. Throws BAD_PATH if there is no such
     * conflict.
     */
    compare(dir: string, keptAs: string, host?: string): Promise<ConflictComparison>;
    /**
     * Reads one of both files, if it is a picture of at most 10 MiB; undefined if it is none.
     * Throws BAD_PATH if there is no such file.
     */
    readPicture(
      dir: string,
      keptAs: string,
      side: 'kept' | 'current',
      host?: string,
    ): Promise<PictureContent | undefined>;
    /** Does the same as `recoverable.restore`. */
    restore(dir: string, keptAs: string, decision?: RecoverableDecision): Promise<Run | undefined>;
    /**
     * Moves a conflict to the trash, which keeps it for 30 days. Throws BAD_PATH if there is no
     * such conflict, CHANGED if it is not as shown.
     */
    discard(dir: string, keptAs: string, decision?: RecoverableDecision): Promise<void>;
  };
  /** Removals that wait for a person's decision, because there were too many at once. */
  readonly removals: {
    list(): Promise<WaitingRemovals[]>;
    /**
     * Throws BAD_SYNC_DIR if none wait there. `host`: name or id; default: every host on which
     * they wait. `count`: how many removals were shown; throws CHANGED if there are others now.
     */
    decide(
      dir: string,
      decision: 'approved' | 'rejected',
      host?: string,
      count?: number,
    ): Promise<void>;
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
