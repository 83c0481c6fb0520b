import type { Backend } from '../backends/backend.js';
import type { EventBus } from '../events.js';
import type { Fold } from '../ledger/fold.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Settler } from '../ledger/settle.js';
import type { Entry, Failure, Host, HostId, Path, Run, SyncDir } from '../words.js';

/** What carrying out a run needs of the rest of the lease holder. */
export interface RunContext {
  readonly backend: Backend;
  readonly ledger: Ledger;
  readonly fold: Fold;
  readonly settler: Settler;
  readonly events: EventBus;
  readonly me: HostId;
  /** Hosts other than this one that are not retired. */
  others(): readonly Host[];
  dirs(): readonly SyncDir[];
  isSafe(path: string): path is Path;
  scan(dir: SyncDir, signal: AbortSignal): Promise<void>;
  offer(entries: readonly Entry[]): void;
  wakeLane(host: HostId): void;
  /** What stands in the way of the lane to a host, since a moment. */
  laneFailure(host: HostId): Failure | undefined;
  markReady(): Promise<void>;
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
  would(host: HostId, path: Path): void;
}
