import type { Backend } from '../backends/backend.js';
import type { EventBus } from '../events.js';
import type { Fold } from '../ledger/fold.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Settler } from '../ledger/settle.js';
import type { Entry, Failure, Finding, Host, HostId, Path, Run, Seen, SyncDir } from '../words.js';

/** What runs need of this host's own disk. */
export interface RunDisk {
  /** Streams the files of a sync dir. @throws NO_MARKER */
  scan(dir: SyncDir, signal: AbortSignal): AsyncIterable<{ path: Path; seen: Seen }>;
  observe(path: Path): Promise<Seen | undefined>;
  hash(path: Path): Promise<(Seen & { sha256: string }) | undefined>;
  /** Keeps what lies there among the conflicts. */
  setAside(path: Path): Promise<void>;
}

/** What carrying out a run needs of the rest of the lease holder. */
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
  /** Reads the hosts anew. */
  refresh(): Promise<void>;
  /** Whether a host made no heartbeat for long, as this one observed it. */
  isGone(host: HostId): boolean;
  /** How long a new host waits for the others to say that they know it. In milliseconds. */
  readonly knownPatienceMs: number;
  dirs(): readonly SyncDir[];
  isSafe(path: string): path is Path;
  scan(dir: SyncDir, signal: AbortSignal): Promise<void>;
  offer(entries: readonly Entry[]): void;
  wakeLane(host: HostId): void;
  markReady(): Promise<void>;
  /** Whether a capture of a host that names the path waits to be folded: what lies there is for that fold to judge. */
  isCaptured(host: HostId, path: Path): Promise<boolean>;
  /** New files are on this host. */
  landedHere(files: number): void;
}

/** One run being carried out: its counts, and whether it is to go on. */
export interface Progress {
  readonly run: Run;
  readonly signal: AbortSignal;
  found(files: number, bytes: number): void;
  done(files: number, bytes: number): void;
  fail(host: HostId, failure: Failure): void;
  would(host: HostId, path: Path, bytes: number): void;
  /** Something is wrong at a path of a host; `repaired`: it was, and is not any more. */
  finding(host: HostId, path: Path, is: Finding): void;
  repaired(host: HostId, files: number): void;
  same(host: HostId, files: number): void;
  /** From now on the host is among those reported on. */
  report(host: HostId): void;
}
