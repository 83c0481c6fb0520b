import type { Log } from '../model/log.js';
import type { CheckedMarkers } from '../replica/checked-markers.js';
import type { Judge } from '../replica/disk.js';
import type { KnownAreas } from '../replica/known-areas.js';
import type { Root } from '../replica/replica.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import type { TmpFolders } from '../replica/tmp-folders.js';
import type { Ssh } from './ssh/ssh.js';
import type { HostId, Path, Version } from '../model/words.js';
import type { Sources } from './rsync/small-files/sources.js';

/**
 * The version that is being placed at a path. `ruled`: a conflict rule decided it, not the
 * ledger's order. `overrules`: a rule decided earlier that it wins.
 */
export interface Sent {
  readonly version: Version;
  readonly ruled: boolean;
  readonly overrules?: boolean;
}

/**
 * Makes the resolver for files that are replaced on the disk of host `at`. `sentTo` returns
 * the version that is being placed at a path.
 */
export type JudgeAt = (at: HostId, sentTo: (path: Path) => Sent | undefined) => Judge;

/** Describes one rsync that was started, for counting. */
export interface Call {
  readonly host: HostId;
  readonly kind: 'transfer' | 'verify' | 'compare';
  readonly files: number;
  readonly args: readonly string[];
}

export interface RsyncBackendOptions {
  /** This host's replica. */
  readonly root: Root;
  readonly dirs: () => SyncDirs;
  readonly self: HostId;
  /** Owned by the backend, which closes it. */
  readonly ssh: Ssh;
  readonly judgeAt: JudgeAt;
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
  readonly onCall?: (call: Call) => void;
}

/** Shared by all deliveries of one backend. */
export interface Shared extends RsyncBackendOptions {
  readonly markers: CheckedMarkers;
  readonly areas: KnownAreas;
  readonly tmpFolders: TmpFolders;
  readonly sources: Sources;
}
