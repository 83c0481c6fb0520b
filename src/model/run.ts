import type { Failure } from './failure.js';
import type { HostId } from './host.js';
import type { Path } from './path.js';

/**
 * A push, pull, verify, adoption or bootstrap. Its row is stored first; the leader of host `at`
 * carries it out.
 */
export interface Run {
  id: string;
  kind: 'push' | 'pull' | 'verify' | 'adopt' | 'bootstrap';
  at: HostId;
  /** Empty means all. */
  hosts: HostId[];
  /** Empty means all. */
  dirs: Path[];
  dryRun: boolean;
  repair: boolean;
  state: 'requested' | 'running' | 'done' | 'failed' | 'cancelled';
  /** `files` and `bytes` are done, of `filesFound` and `bytesFound`. */
  files: number;
  bytes: number;
  filesFound: number;
  bytesFound: number;
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
  /** Files that a dry run would transfer; at most the first 1,000. */
  wouldTransfer?: { host: HostId; path: Path }[];
  failure?: Failure;
  requestedAt: Date;
  startedAt?: Date;
  endedAt?: Date;
  requestedBy: string;
}

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
