import type { Backend } from '../transport/backend.js';
import type { EventBus } from '../model/events.js';
import type { Fold } from '../ledger/reconcile-path.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Settler } from '../ledger/acknowledge.js';
import type {
  Entry,
  Failure,
  Finding,
  Host,
  HostId,
  Path,
  Run,
  Seen,
  SyncDir,
} from '../model/words.js';

/** The part of this host's own disk that runs need. */
export interface RunDisk {
  /** Streams the files of a sync dir. @throws NO_MARKER */
  scan(dir: SyncDir, signal: AbortSignal): AsyncIterable<{ path: Path; seen: Seen }>;
  observe(path: Path): Promise<Seen | undefined>;
  hash(path: Path): Promise<(Seen & { sha256: string }) | undefined>;
  /** Moves the file to the conflicts. */
  setAside(path: Path): Promise<void>;
}

/** The parts of the leader that carrying out a run needs. */
export interface RunContext {
  readonly backend: Backend;
  readonly ledger: Ledger;
  readonly fold: Fold;
  readonly disk: RunDisk;
  readonly settler: Settler;
  readonly events: EventBus;
  readonly me: HostId;
  /** This host as last read. */
  myHost(): Host;
  /** Hosts other than this one that are not retired. */
  others(): readonly Host[];
  /** Reads the hosts from the database again. */
  refresh(): Promise<void>;
  /** Whether a host has had no heartbeat for long, as this one observed it. */
  isGone(host: HostId): boolean;
  /** In milliseconds. How long a new host waits until the others have announced it. */
  readonly knownPatienceMs: number;
  dirs(): readonly SyncDir[];
  isSafe(path: string): path is Path;
  scan(dir: SyncDir, signal: AbortSignal): Promise<void>;
  offer(entries: readonly Entry[]): void;
  wakeLane(host: HostId): void;
  markReady(): Promise<void>;
  /**
   * Whether a capture of a host that names the path waits to be processed, which then decides
   * about the file.
   */
  isCaptured(host: HostId, path: Path): Promise<boolean>;
  /** Reports that this host received new files. */
  landedHere(files: number): void;
}

/** The progress of one run: its counts, and whether it is to continue. */
export interface Progress {
  readonly run: Run;
  readonly signal: AbortSignal;
  found(files: number, bytes: number): void;
  done(files: number, bytes: number): void;
  fail(host: HostId, failure: Failure): void;
  would(host: HostId, path: Path, bytes: number): void;
  /** Adds a finding at a path of a host. */
  finding(host: HostId, path: Path, is: Finding): void;
  repaired(host: HostId, files: number): void;
  same(host: HostId, files: number): void;
  /** Includes the host in the report from now on. */
  report(host: HostId): void;
}
