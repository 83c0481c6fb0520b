import type { Log } from '../log.js';
import type { Copies } from '../planning/copies.js';
import type { Conflict } from '../words.js';

/** What `schema.plugin(syncMedia, options)` takes; `modelSync` takes the same per model name. */
export interface PluginOptions {
  /** Directories below the root, relative, that this model's files lie in. */
  syncDirs: string | readonly string[];
  /** rsync exclude patterns, relative to each sync dir. Default none. */
  exclude?: string | readonly string[];
  /**
   * Where the document names its files: field names (dotted; arrays are walked), or a function of the plain object that returns
   * paths. Default: every string that names an existing file below a sync dir, in any of the forms apps store.
   */
  paths?: string | readonly string[] | ((document: Record<string, unknown>) => readonly string[]);
  /** Seconds after a save until its sync dirs are scanned for what was written beside the named files; `false`: never. Default 30. */
  sweep?: number | false;
  /** Who wins where the ledger knows nothing of the other side's file. Default `newer`. */
  conflict?: Conflict;
  /**
   * How many hosts must hold what a save names before it resolves, this one included: a number, `majority`, or `all` that are to have
   * it. Default: a save waits for no host. In a transaction nothing is awaited.
   */
  copies?: Copies;
  /** Milliseconds that a save waits for copies. Default 5,000. */
  copiesTimeout?: number;
  /** When they are over, the document is saved all the same: `warn` says so in the log, `error` rejects with MEDIA_COPIES_TIMEOUT. Default `warn`. */
  copiesTimeoutAction?: 'warn' | 'error';
  /** Whether a file that no document names any more is removed on the other hosts too. Default `keep`. */
  onDelete?: 'keep' | 'propagate';
}

/** What `createSyncMedia(options)` takes; everything has a default. Environment variables fill what is left out here. */
export interface SyncMediaOptions {
  /** The Mongoose connection. Default: that of the first plugged model compiled. */
  connection?: import('mongoose').Connection;
  /** Default `SYNCMEDIA_STATE_DIR`, else `${XDG_STATE_HOME:-~/.local/state}/syncmedia`. */
  stateDir?: string;
  /** Before the names of our collections. Default `syncmedia_`. */
  collectionPrefix?: string;
  /** Models defined elsewhere: model name → plugin options. Default: the JSON file named by `SYNCMEDIA_MODEL_SYNC`. */
  modelSync?: Readonly<Record<string, PluginOptions>>;
  /** Default: one line each on stderr. */
  log?: Log;
  /** Read instead of `process.env`. */
  environment?: Readonly<Record<string, string | undefined>>;
}

/** Everything an instance runs by: options and environment, resolved and validated once. */
export interface Config {
  readonly stateDir: string;
  readonly collectionPrefix: string;
  readonly modelSync: Readonly<Record<string, PluginOptions>>;
  readonly log: Log;
  /** Milliseconds without progress after which an operation on another host is given up. SYNCMEDIA_TIMEOUT is in seconds. */
  readonly timeoutMs: number;
  readonly backend: 'rsync';
  /** KiB/s for each rsync; undefined: no limit. */
  readonly bandwidthLimit: number | undefined;
  /** rsync --chmod. Default `F644`. */
  readonly chmod: string;
  /** The public key file, or a literal key line; undefined: `~/.ssh/id_rsa.pub`, then `id_ed25519.pub`. */
  readonly key: string | undefined;
  /** Private key file; undefined: the public key's path without `.pub`. */
  readonly identityFile: string | undefined;
  readonly authorizedKeysFile: string;
  /** Asked for at init only; what init stored counts afterwards. */
  readonly init: {
    readonly root: string | undefined; readonly syncDirs: readonly string[] | undefined; readonly hostname: string | undefined;
    readonly url: string | undefined; readonly sshPort: number | undefined; readonly username: string | undefined;
    readonly unconfined: boolean | undefined;
  };
  readonly pullCron: string | undefined;
  readonly verifyCron: string | undefined;
  /** argv, split once at start. */
  readonly reloadCommand: readonly string[] | undefined;
  readonly adminToken: string | undefined;
  readonly autoApprove: boolean;
  /** Seals the rows of hosts; the previous one still counts where it is being replaced. */
  readonly secret: string | undefined;
  readonly previousSecret: string | undefined;
  /** Only for the CLI. */
  readonly mongodbUri: string | undefined;
}

/** Clocks and limits that no user sets; tests hand in shorter ones where the instance is built. */
export interface Tuning {
  /** A lease that did not beat for this long may be taken. */
  readonly leaseMs: number;
  readonly beatMs: number;
  /** How often the hosts are read anew; every second time the sync dirs and runs that were asked for on other hosts. */
  readonly pollMs: number;
  /** Safety net: how often the database is asked for what no hint told: captures that are due, entries that are owed or left by others. */
  readonly thoroughMs: number;
  /** A capture whose process died becomes due after this. */
  readonly captureDueMs: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** Entries a lane keeps in memory, and sends in one batch. */
  readonly laneQueue: number;
  readonly batchFiles: number;
  readonly batchBytes: number;
  /** An idle OpenSSH master or ssh2 connection is closed after this. */
  readonly idleMs: number;
  /** A host whose lease did not beat for this long, as observed by this one, is gone: holders adopt what it had to deliver. */
  readonly goneMs: number;
  /** How often the directories that changed are scanned, and how often everything is. */
  readonly scanChangedMs: number;
  readonly scanAllMs: number;
  /** A host that was away for longer comes back as a new one: what the ledger does not know there may have been deleted meanwhile. */
  readonly absentMs: number;
  /** Tombstones that every host has acknowledged are kept for so long; longer than `absentMs`, so that no host comes back unaware of one. */
  readonly tombstoneMs: number;
  /** How long a file that no document names any more is looked at again until the app has removed it. */
  readonly candidateMs: number;
  /** What a landing left aside for longer than this is judged as left by a crash. */
  readonly leftoverMs: number;
}

export const defaultTuning: Tuning = {
  leaseMs: 10_000, beatMs: 3_000, pollMs: 6_000, thoroughMs: 30_000, captureDueMs: 30_000, backoffMs: 1_000, backoffMaxMs: 60_000,
  laneQueue: 2_000, batchFiles: 250, batchBytes: 256 * 1024 * 1024, idleMs: 60_000,
  goneMs: 120_000, scanChangedMs: 10 * 60_000, scanAllMs: 24 * 60 * 60_000, absentMs: 180 * 24 * 60 * 60_000,
  tombstoneMs: 365 * 24 * 60 * 60_000, candidateMs: 10 * 60_000, leftoverMs: 10 * 60_000,
};
