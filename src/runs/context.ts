import type { Backend } from '../transport/backend.js';
import type { EventBus } from '../model/events.js';
import type { PathReconciler } from '../ledger/reconcile-path.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Acknowledger } from '../ledger/acknowledge.js';
import type {
  Entry,
  Failure,
  Finding,
  Host,
  HostId,
  Path,
  Run,
  LocalFileInfo,
  SyncDir,
} from '../model/words.js';

/** The part of this host's own disk that runs need. */
export interface RunDisk {
  /** Streams the files of a sync dir. @throws NO_MARKER */
  scan(dir: SyncDir, signal: AbortSignal): AsyncIterable<{ path: Path; info: LocalFileInfo }>;
  observe(path: Path): Promise<LocalFileInfo | undefined>;
  hash(path: Path): Promise<(LocalFileInfo & { sha256: string }) | undefined>;
  /** Moves the file to the conflicts. */
  moveToConflicts(path: Path): Promise<void>;
}

/** The parts of the leader that carrying out a run needs. */
export interface RunContext {
  readonly backend: Backend;
  readonly ledger: Ledger;
  readonly reconciler: PathReconciler;
  readonly disk: RunDisk;
  readonly acknowledger: Acknowledger;
  readonly events: EventBus;
  readonly me: HostId;
  /** This host as last read. */
  readOwnHost(): Host;
  /** Hosts other than this one that are not retired. */
  listOthers(): readonly Host[];
  /** Reads the hosts from the database again. */
  refresh(): Promise<void>;
  /** Whether a host has had no heartbeat for long, as this one observed it. */
  isGone(host: HostId): boolean;
  /** In milliseconds. How long a new host waits until the others have announced it. */
  readonly membershipPatienceMs: number;
  listDirs(): readonly SyncDir[];
  isSafe(path: string): path is Path;
  scan(dir: SyncDir, signal: AbortSignal): Promise<void>;
  enqueue(entries: readonly Entry[]): void;
  wakeQueue(host: HostId): void;
  markReady(): Promise<void>;
  /**
   * Whether a capture of a host that names the path waits to be processed, which then decides
   * about the file.
   */
  isCaptured(host: HostId, path: Path): Promise<boolean>;
  /** Reports that this host received new files. */
  notifyReceived(files: number): void;
}

/** The progress of one run: its counts, and whether it is to continue. */
export interface Progress {
  readonly run: Run;
  readonly signal: AbortSignal;
  addFound(files: number, bytes: number): void;
  addDone(files: number, bytes: number): void;
  addFailure(host: HostId, failure: Failure): void;
  addWouldTransfer(host: HostId, path: Path, bytes: number): void;
  /** Adds a finding at a path of a host. */
  addFinding(host: HostId, path: Path, finding: Finding): void;
  addRepaired(host: HostId, files: number): void;
  addSame(host: HostId, files: number): void;
  /** Includes the host in the report from now on. */
  includeHost(host: HostId): void;
}
