import type { ErrorCode } from '../model/errors.js';
import type { Host, HostId } from '../model/host.js';
import type { HostStateName } from '../model/host-state.js';
import type { Path } from '../model/path.js';
import type { Run } from '../model/run.js';

export type { HostStateName };

/** The whole site as one reading of the database. Ages are whole seconds by its clock. */
export interface Overview {
  /** The database's time when it was read. */
  at: Date;
  /** A hash of everything but times and ages. While it stays the same, nothing has changed. */
  id: string;
  /** One sentence: `4 of 7 hosts lack files`, `Everything is everywhere`. */
  headline: string;
  /**
   * The host that answers. Absent on a machine that was not initialised: then there are no
   * hosts, and the only need has the command that registers it.
   */
  thisHost?: { id: HostId; hostname: string };
  /** The number of ledger entries, estimated. */
  entries: number;
  /** Files that no host holds. */
  missing: CappedCount;
  /** Captures that no leader has processed yet. */
  captures: { count: CappedCount; oldestSeconds?: number };
  /** Every host that is not retired, the most urgent state first, then by name. */
  hosts: HostOverview[];
  /** What only a person can resolve, the most urgent first. */
  needs: Need[];
  /** Unfinished runs, then the five that ended last. */
  runs: RunSummary[];
  /** What happened last, the newest first; at most 20. */
  recent: RecentEvent[];
  /**
   * Present while the database does not answer: everything else is the reading of `at`. Nothing
   * should be changed on the strength of it.
   */
  unavailable?: { since: Date; code: ErrorCode; message: string; remedy: string };
}

/** A count that stops at 10,000. `capped`: there are more ("over 10,000"). */
export interface CappedCount {
  count: number;
  capped: boolean;
}

export interface HostOverview {
  id: HostId;
  hostname: string;
  /** `user@url:port` */
  address: string;
  thisHost: boolean;
  /** The host only has sshd and rsync, so it has no leader, heartbeat or version. */
  passive: boolean;
  /** What a person decided about the host. */
  approval: Host['status'];
  state: HostStateName;
  /** One short line for a table: `timed out`, `62 %, from web1`. May be empty. */
  note: string;
  /** When the state began, if known. */
  since?: Date;
  /** One sentence why; absent if there is nothing to say. */
  cause?: string;
  /** The work that goes on by itself, and the files that are not lost. */
  consequence?: string;
  /** What a person does about it; absent if there is nothing to do. */
  remedy?: string;
  code?: ErrorCode;
  /**
   * Files that the host waits for; `bytes` belong to the counted ones. Long backlogs are counted in
   * turn, so these may be some seconds older than `at`.
   */
  pending: CappedCount & { bytes: number };
  /** How long the oldest of them has waited. */
  oldestSeconds?: number;
  /** Files that this host cannot receive while others go on, and how many by each code. */
  blocked: number;
  blockedBy: { code: ErrorCode; files: number }[];
  /** Files in its `.syncmedia/conflicts`. Absent if no process of the host has counted them. */
  conflicts?: number;
  /** Names in its sync dirs that cannot be synced. */
  unsyncable: number;
  /** The last run of its reload command; `exitCode` is null if it could not start or was killed. */
  reload?: { at: Date; exitCode: number | null };
  /** Since the newest delivery to it, from any sender. */
  deliveredSecondsAgo?: number;
  /** Files delivered to it in the last hour: 20 counts of three minutes each, the oldest first. */
  deliveries: number[];
  heartbeatSecondsAgo?: number;
  /** How far its clock is ahead of the database's; negative if it is behind. */
  clockOffsetSeconds?: number;
  /** The version of syncmedia that its leader runs. */
  version?: string;
  /** Its leader, as a person reads it: `pid 24602`. */
  leader?: string;
  /** Until the next try of any sender that fails. */
  nextTrySeconds?: number;
  /** One for each sender whose deliveries fail; `from` is its hostname. */
  failures: {
    from: string;
    code: ErrorCode;
    message: string;
    remedy: string;
    sinceSeconds?: number;
    nextTrySeconds?: number;
  }[];
  /**
   * While the host gets its first files: how many it has of those it is to have, the hostnames
   * that send, and the remaining time.
   */
  filling?: { files: number; filesFound: number; from: string[]; secondsLeft?: number };
  paused?: { by?: string; reason?: string; since?: Date };
  /**
   * With a backend that keeps a history: the versions of this host that are not recorded yet, and
   * why, if nothing can be recorded at present.
   */
  history?: { unrecorded: CappedCount; failing?: string };
}

/** Something that does not resolve itself. The sentences are complete, without markup. */
export interface Need {
  /** Kind and subject, so it stays the same as long as the need does. */
  id: string;
  kind:
    | 'host'
    | 'removals'
    | 'conflicts'
    | 'missing'
    | 'clock'
    | 'setup'
    | 'unreadable'
    | 'captures'
    | 'history';
  /** The hostname. */
  host?: string;
  dir?: Path;
  title: string;
  cause: string;
  /** The files that are not lost, and the work that goes on meanwhile. */
  safe: string;
  remedy: string;
  sinceSeconds?: number;
  /** The view of the admin page that resolves it: `#/hosts/web3`. */
  action?: { label: string; view: string };
  /** The same on the command line. */
  command?: string;
}

export interface RunSummary {
  id: string;
  kind: Run['kind'];
  /** The hostname of the host that carries it out. */
  at: string;
  state: Run['state'];
  dryRun: boolean;
  /** Done, of `filesFound` and `bytesFound`. */
  files: number;
  filesFound: number;
  bytes: number;
  bytesFound: number;
  requestedSecondsAgo: number;
  endedSecondsAgo?: number;
  secondsLeft?: number;
  requestedBy: string;
  /** One line: `2 min left`, `2 files differ on img1`. */
  result: string;
}

export interface RecentEvent {
  at: Date;
  /** The hostname. */
  host?: string;
  text: string;
}
