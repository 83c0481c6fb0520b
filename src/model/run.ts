import type { Failure } from './failure.js';
import type { HostId } from './host.js';
import type { Path } from './path.js';

/**
 * A push, pull, verify, adoption, bootstrap, or the restoring of one file. Its row is stored first;
 * the leader of host `at` carries it out.
 */
export interface Run {
  id: string;
  kind: 'push' | 'pull' | 'verify' | 'adopt' | 'bootstrap' | 'restore';
  at: HostId;
  /** Empty means all. */
  hosts: HostId[];
  /** Empty means all. */
  dirs: Path[];
  dryRun: boolean;
  repair: boolean;
  /** The file that a restore places at its path, and the contents that a person was shown. */
  restores?: RestoredFile;
  /** Set for a restore of whole sync dirs: each file as it was at this time. */
  restoresTo?: Date;
  /** Saves since then stay. Default: when the run was requested. */
  restoresBefore?: Date;
  /** What such a restore leaves as it is, although it changed since, by reason. */
  leftOut?: LeftOutFiles[];
  state: 'requested' | 'running' | 'done' | 'failed' | 'cancelled';
  /** `files` and `bytes` are done, of `filesFound` and `bytesFound`. */
  files: number;
  bytes: number;
  filesFound: number;
  bytesFound: number;
  /** The host from which a bootstrap fetches, while it works. */
  from?: HostId;
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
  /**
   * Files that a dry run would transfer; at most the first 1,000. `host`: the other host, to which
   * a push sends and from which a pull fetches. Runs of older versions lack `size` and `why`.
   */
  wouldTransfer?: { host: HostId; path: Path; size?: number; why?: TransferReason }[];
  /** How many files a dry run would transfer for each reason, also those that it does not list. */
  transferReasons?: { why: TransferReason; count: number }[];
  failure?: Failure;
  requestedAt: Date;
  startedAt?: Date;
  /** When a push had scanned the sync dirs of its own host. */
  scannedAt?: Date;
  endedAt?: Date;
  requestedBy: string;
  /** Why a requested run has not begun: nothing leads its host. Never stored. */
  waits?: string;
}

/**
 * Files that a restore of a sync dir leaves as they are; `paths` lists at most the first 300.
 *
 * - no version: the history has none of that time. The file came later, or was not recorded.
 * - removed then: the file did not exist at that time. A restore removes nothing.
 * - hash only: the history has only name and hash of the version, and no copy is in the trash.
 */
export interface LeftOutFiles {
  readonly why: LeftOutReason;
  count: number;
  readonly paths: Path[];
}
export type LeftOutReason = 'no version' | 'removed then' | 'hash only';

/** A recoverable file of the host `at`, as its list names it. See `RecoverableDecision`. */
export interface RestoredFile {
  readonly dir: Path;
  readonly keptAs: string;
  readonly kept?: string;
  readonly current?: string | null;
}

/**
 * What the receiver of a file has at its path: nothing, a version that was replaced or an earlier
 * date, or something else.
 */
export type TransferReason = 'missing' | 'older' | 'different';

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
