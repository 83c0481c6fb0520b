import type { Failure } from '../model/failure.js';
import type {
  ForgetRequest,
  RecordedVersion,
  RecordRequest,
  RemoteCopy,
} from '../model/history.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';

/** A version that could not be recorded, and why. */
export interface UnrecordedVersion {
  readonly request: RecordRequest;
  readonly failure: Failure;
  /** The bytes are not where the request says. The caller may look for them elsewhere. */
  readonly isGone?: boolean;
}

/**
 * Remembers every version that this host captured, and what other hosts shared of theirs. An
 * optional capability of a backend: `Backend.history`.
 *
 * Deliveries neither wait for it nor depend on it. The ledger stays the truth about files, and
 * nothing here writes into a sync dir.
 */
export interface History {
  /** Absolute path of its store, which the gate opens to other hosts. */
  readonly place: string;
  /** Absolute path of the annex, which the gate opens too. Missing without one. */
  readonly annexPlace?: string;
  /**
   * Repairs what a crash left, and makes this host ready to record. Returns whether the history
   * begins anew. Only the leader calls this.
   *
   * @throws MISSING_PROGRAM, BAD_STATE, HISTORY_FAILED
   */
  open(signal: AbortSignal): Promise<boolean>;
  /**
   * Records versions of this host, flushed to the disk. A version that is recorded twice is
   * listed once. Only the leader calls this. A failure of scope `path` concerns one version; any
   * other failure is thrown, and then nothing is recorded.
   *
   * @throws DISK_FULL, HISTORY_FAILED, MISSING_PROGRAM, CANCELLED
   */
  record(
    requests: readonly RecordRequest[],
    signal: AbortSignal,
  ): Promise<readonly UnrecordedVersion[]>;
  /** Sends this host's part of the history to another one. Returns why that failed. */
  share(to: Host, signal: AbortSignal): Promise<Failure | undefined>;
  /** Lists the versions of a path, newest first, by the clocks of the hosts that captured them. */
  list(path: Path, limit: number, signal: AbortSignal): Promise<RecordedVersion[]>;
  /**
   * Finds the records of a path whose revision begins like this. A version that was recorded twice
   * has a revision of each record, of which `list` gives the newest.
   */
  findRevisions(path: Path, beginning: string, signal: AbortSignal): Promise<RecordedVersion[]>;
  /**
   * Finds for each path the version that was current at a time, by the clocks of the hosts that
   * captured them. A path without one is missing in the answer.
   */
  findAt(
    paths: readonly Path[],
    time: Date,
    signal: AbortSignal,
  ): Promise<Map<Path, RecordedVersion>>;
  /**
   * Brings the bytes of a version here, if they lie elsewhere. The hosts are asked one after the
   * other, each with a time limit. Missing where all bytes lie here.
   *
   * @param from active hosts that may have them
   * @throws NOT_RECORDED, HOST_UNREACHABLE with the hosts that were asked; HISTORY_FAILED
   */
  bring?(version: RecordedVersion, from: readonly Host[], signal: AbortSignal): Promise<void>;
  /**
   * Opens the bytes of a version. The stream fails at its end if they are not the recorded ones.
   *
   * @throws NOT_RECORDED if the bytes are not stored here
   */
  read(version: RecordedVersion, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Reads versions of a few MiB in all at once. Those that it cannot read so are missing in the
   * answer.
   */
  readSmall(
    versions: readonly RecordedVersion[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<RecordedVersion, Uint8Array>>;
  /** Writes the history since a day (UTC) as one file that git can read: `git bundle`. */
  bundle(since: Date, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Removes paths from the history of every host, as far as they lie here. Returns whether any did.
   */
  forget(requests: readonly ForgetRequest[], signal: AbortSignal): Promise<boolean>;
  /**
   * Lists the versions of a path that lie on special remotes of this host, which `forget` leaves
   * alone. Missing where there are none.
   */
  listRemoteCopies?(path: Path, signal: AbortSignal): Promise<RemoteCopy[]>;
  /** Whether so much was recorded that reading becomes slow until `maintain` packs it. */
  needsPacking(signal: AbortSignal): Promise<boolean>;
  /**
   * Removes versions beyond the limits of age and size, and packs the rest.
   *
   * @param now by the clock of the database
   */
  maintain(signal: AbortSignal, now?: Date): Promise<HistorySize>;
}

/** How much a history occupies. `oldest` is its oldest day, at midnight UTC. */
export interface HistorySize {
  readonly bytes: number;
  readonly oldest?: Date;
}
