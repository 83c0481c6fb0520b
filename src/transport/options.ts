import type { AnnexLimits, HistoryLimits } from '../model/history.js';
import type { Log } from '../model/log.js';
import type { DirCheckCache } from '../replica/dir-check-cache.js';
import type { ReplacedFileResolver } from '../replica/disk.js';
import type { Replica } from '../replica/replica.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import type { TmpFolders } from '../replica/tmp-folders.js';
import type { Ssh } from './ssh/ssh.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { Version } from '../model/entry.js';
import type { SourceReader } from './rsync/small-files/sources.js';

/**
 * The version that is being placed at a path. `ruled`: a conflict rule decided it, not the
 * ledger's order. `overrules`: a rule decided earlier that it wins.
 */
export interface IncomingVersion {
  readonly version: Version;
  readonly ruled: boolean;
  readonly overrules?: boolean;
}

/**
 * Makes the resolver for files that are replaced on the disk of host `at`. `findIncoming` returns
 * the version that is being placed at a path.
 */
export type CreateResolver = (
  at: HostId,
  findIncoming: (path: Path) => IncomingVersion | undefined,
) => ReplacedFileResolver;

/** Describes one rsync that was started, for counting. */
export interface RsyncCall {
  readonly host: HostId;
  readonly kind: 'transfer' | 'verify' | 'compare';
  readonly files: number;
  readonly args: readonly string[];
}

export interface BackendOptions {
  /** This host's replica. */
  readonly replica: Replica;
  readonly dirs: () => SyncDirs;
  readonly self: HostId;
  /** Owned by the backend, which closes it. */
  readonly ssh: Ssh;
  readonly createResolver: CreateResolver;
  /** Milliseconds without progress after which an operation is given up. */
  readonly timeoutMs: number;
  /** KiB/s for each rsync. Undefined: no limit. */
  readonly bandwidthLimit: number | undefined;
  /** The value of rsync's --chmod, such as `F644`. */
  readonly chmod: string;
  readonly log: Log;
  /**
   * Files of up to this many bytes are sent by SFTP instead of rsync. 0 turns that off. Default 1
   * MiB.
   */
  readonly smallFileLimit?: number;
  /**
   * Files of at least this many bytes are transferred alone, and resumed after an interruption.
   * Default 32 MiB.
   */
  readonly largeFileFrom?: number;
  readonly onCall?: (call: RsyncCall) => void;
  /** Needed by backends that keep a history. */
  readonly history?: HistoryPlace;
}

/** Where a backend keeps its history, and how much of it. */
export interface HistoryPlace extends HistoryLimits {
  /** The state folder. */
  readonly stateDir: string;
  /** This host's name, for people who read the history. */
  readonly hostname: string;
  /**
   * The time by which records are dated: that of the database, by which requests to forget a path
   * are dated, too. Default: the clock of this host.
   */
  readonly now?: () => Date;
  /** Needed by the backend git-annex. */
  readonly annex?: AnnexLimits;
}

/** Shared by all deliveries of one backend. */
export interface RsyncBackendContext extends BackendOptions {
  readonly dirChecks: DirCheckCache;
  readonly tmpFolders: TmpFolders;
  readonly sources: SourceReader;
}
