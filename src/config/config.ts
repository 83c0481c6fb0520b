import type { BackendName } from '../model/backend-name.js';
import type { AnnexLimits, HistoryLimits } from '../model/history.js';
import type { Log } from '../model/log.js';
import type { Copies } from '../decisions/copies.js';
import type { ConflictRule } from '../model/sync-dir.js';

/**
 * Options of `schema.plugin(syncMedia, options)`. `modelSync` takes the same options per model
 * name.
 */
export interface PluginOptions {
  /** Directories of this model's files, relative to the root. */
  syncDirs: string | readonly string[];
  /** rsync exclude patterns, relative to each sync dir. Default none. */
  exclude?: string | readonly string[];
  /**
   * Where the document names its files: field names (dotted; arrays are walked), or a function of
   * the plain object that returns paths. Default: every string that names an existing file below
   * a sync dir, in any form that apps store.
   */
  paths?: string | readonly string[] | ((document: Record<string, unknown>) => readonly string[]);
  /**
   * Seconds after a save until its sync dirs are scanned for files that the app wrote beside the
   * named ones. `false` means never. Default 30.
   */
  rescan?: number | false;
  /** Which file wins if the ledger does not know the other host's file. Default `newer`. */
  conflict?: ConflictRule;
  /**
   * How many hosts must hold the files of a save before it resolves, this host included: a
   * number, `majority` or `all` of the hosts that want them. In a transaction nothing is awaited.
   * Default: a save waits for no host.
   */
  copies?: Copies;
  /** Milliseconds that a save waits for copies. Default 5,000. */
  copiesTimeout?: number;
  /**
   * What happens after that time. The document is saved in either case: `warn` logs a warning,
   * `error` rejects with MEDIA_COPIES_TIMEOUT. Default `warn`.
   */
  copiesTimeoutAction?: 'warn' | 'error';
  /**
   * Whether a file that no document names any more is also removed on the other hosts. Default
   * `keep`.
   */
  onDelete?: 'keep' | 'propagate';
}

/**
 * Options of `createSyncMedia(options)`. Each has a default, and environment variables apply to
 * options that are missing here.
 */
export interface SyncMediaOptions {
  /** The Mongoose connection. Default: the one of the first plugged model that is compiled. */
  connection?: import('mongoose').Connection;
  /**
   * The state folder: an absolute path. Default: `SYNCMEDIA_STATE_DIR`, else
   * `${XDG_STATE_HOME:-~/.local/state}/syncmedia`.
   */
  stateDir?: string;
  /** Prefix of this package's collections. Default `syncmedia_`. */
  collectionPrefix?: string;
  /**
   * Models that are defined elsewhere: model name → plugin options. Default: the JSON file that
   * `SYNCMEDIA_MODEL_SYNC` names.
   */
  modelSync?: Readonly<Record<string, PluginOptions>>;
  /**
   * Limits of the history, for a backend that keeps one. Default: the environment variables of the
   * history.
   */
  history?: HistoryOptions;
  /** Receives the messages. Default: one line per message on stderr. */
  log?: Log;
  /** The environment variables. Default: `process.env`. */
  environment?: Readonly<Record<string, string | undefined>>;
}

/** Limits of the history: the option `history`. */
export interface HistoryOptions {
  /** Days for which a version is kept. Default: `SYNCMEDIA_HISTORY_DAYS`. */
  days?: number;
  /**
   * The size of the whole history; the oldest days are removed first. Default:
   * `SYNCMEDIA_HISTORY_MAX_BYTES`.
   */
  maxBytes?: number | string;
  /**
   * With the backend git: of larger files only name, size and hash are kept. The backend git-annex
   * ignores it. Default: `SYNCMEDIA_HISTORY_MAX_FILE_BYTES`.
   */
  maxFileBytes?: number | string;
  /** The hosts that get the history of this one. Default: `SYNCMEDIA_HISTORY_ON`. */
  on?: 'all' | string[];
  /**
   * With the backend git-annex: larger files lie in the annex instead of git. Default:
   * `SYNCMEDIA_ANNEX_LARGER_THAN`.
   */
  annexLargerThan?: number | string;
  /**
   * With the backend git-annex: the hosts that get the earlier versions of large files. Default:
   * `SYNCMEDIA_ANNEX_ON`.
   */
  annexOn?: 'all' | string[];
  /**
   * The author of changes that `withAuthor` names nobody for. Default:
   * `SYNCMEDIA_HISTORY_AUTHOR`.
   */
  author?: string;
}

export interface HistoryConfig extends HistoryLimits {
  readonly on: 'all' | readonly string[];
  readonly annex: AnnexLimits;
}

/**
 * The complete configuration of an instance: options and environment, resolved and validated
 * once.
 */
export interface Config {
  readonly stateDir: string;
  readonly collectionPrefix: string;
  readonly modelSync: Readonly<Record<string, PluginOptions>>;
  readonly log: Log;
  /**
   * Milliseconds without progress after which an operation on another host ends.
   * SYNCMEDIA_TIMEOUT is in seconds.
   */
  readonly timeoutMs: number;
  readonly backend: BackendName;
  readonly history: HistoryConfig;
  /** KiB/s for each rsync. Undefined means no limit. */
  readonly bandwidthLimit: number | undefined;
  /** rsync --chmod. Default `F644`. */
  readonly chmod: string;
  /**
   * The public key file, or a literal key line. Undefined means `~/.ssh/id_rsa.pub`, then
   * `id_ed25519.pub`.
   */
  readonly key: string | undefined;
  /** The private key file. Undefined means the path of the public key without `.pub`. */
  readonly identityFile: string | undefined;
  /**
   * Used by `init`; afterwards the values that it stored apply. On a machine without a host id,
   * `root` says below which directory files are served.
   */
  readonly init: {
    readonly root: string | undefined;
    readonly syncDirs: readonly string[] | undefined;
    readonly hostname: string | undefined;
    readonly url: string | undefined;
    readonly sshPort: number | undefined;
    readonly username: string | undefined;
    readonly unconfined: boolean | undefined;
    readonly authorizedKeysFile: string | undefined;
    /** That of this user, unless another was given now or at an earlier `init`. */
    readonly defaultAuthorizedKeysFile: string;
  };
  readonly pullCron: string | undefined;
  readonly verifyCron: string | undefined;
  /** The arguments, split once at start. */
  readonly reloadCommand: readonly string[] | undefined;
  readonly adminToken: string | undefined;
  readonly autoApprove: boolean;
  /** Seals the rows of hosts. The previous secret still counts while it is being replaced. */
  readonly secret: string | undefined;
  readonly previousSecret: string | undefined;
  /** Only for the CLI. */
  readonly mongodbUri: string | undefined;
}

/** Clocks and limits that no user sets. Tests pass shorter ones when they build an instance. */
export interface Tuning {
  /** Another process may take a lease that has not beaten for this long. */
  readonly leaseMs: number;
  readonly beatMs: number;
  /**
   * How often the hosts are read again. Every second time, the sync dirs are read too.
   */
  readonly pollMs: number;
  /**
   * How often the database is read for work that no hint announced: due captures, runs, pending
   * entries, and orphaned ones.
   */
  readonly fullPollMs: number;
  /** A capture becomes due after this time, even if its process died. */
  readonly captureDueMs: number;
  /** How often a host re-checks its own disk for versions that it lacks and nobody sends. */
  readonly recheckOriginMs: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** How often the return of a host is looked for that takes no connection. */
  readonly returnCheckMs: number;
  /** The shortest and the longest wait before a blocked path is retried. */
  readonly blockedRetryMs: number;
  readonly blockedRetryMaxMs: number;
  /** How many entries a delivery queue keeps in memory, and the files and bytes of one batch. */
  readonly queueEntries: number;
  readonly batchFiles: number;
  readonly batchBytes: number;
  /**
   * How long a process sums up its counts before it adds them to the database. Infinity:
   * nothing is counted.
   */
  readonly countersMs: number;
  /** An idle OpenSSH master or ssh2 connection is closed after this. */
  readonly idleMs: number;
  /**
   * A host is gone if this one has not seen its lease beat for this long. Holders then take
   * over its pending entries.
   */
  readonly goneMs: number;
  /**
   * Whether a leader scans without being asked. The command line does not: a dry run of an
   * adoption must change nothing.
   */
  readonly scansPeriodically: boolean;
  /** How often changed directories are scanned, and how often everything is. */
  readonly scanChangedMs: number;
  readonly scanAllMs: number;
  /**
   * A host that was away for longer comes back as a new one. Files there that the ledger does not
   * know may have been deleted meanwhile.
   */
  readonly absentMs: number;
  /**
   * How long acknowledged tombstones are kept. It is longer than `absentMs`, so that no host
   * comes back unaware of one.
   */
  readonly tombstoneMs: number;
  /** How long a file that no document names any more is checked until the app has removed it. */
  readonly candidateMs: number;
  /** Replaced bytes older than this count as left by a crash, and are resolved as such. */
  readonly leftoverMs: number;
}

export const defaultTuning: Tuning = {
  leaseMs: 10_000,
  beatMs: 3_000,
  pollMs: 6_000,
  fullPollMs: 30_000,
  captureDueMs: 30_000,
  recheckOriginMs: 30_000,
  backoffMs: 1_000,
  backoffMaxMs: 60_000,
  returnCheckMs: 1_000,
  blockedRetryMs: 30_000,
  blockedRetryMaxMs: 60 * 60_000,
  queueEntries: 2_000,
  batchFiles: 250,
  batchBytes: 256 * 1024 * 1024,
  countersMs: 10_000,
  idleMs: 60_000,
  goneMs: 120_000,
  scansPeriodically: true,
  scanChangedMs: 10 * 60_000,
  scanAllMs: 24 * 60 * 60_000,
  absentMs: 180 * 24 * 60 * 60_000,
  tombstoneMs: 365 * 24 * 60 * 60_000,
  candidateMs: 10 * 60_000,
  leftoverMs: 10 * 60_000,
};
