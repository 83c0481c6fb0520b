import type { FileHandle } from 'node:fs/promises';
import type { Recording } from '../decisions/entries.js';
import type { HeartbeatMonitor } from '../hosts/heartbeats.js';
import type { Acknowledger } from '../ledger/acknowledge.js';
import type { ReconcileDisk } from '../ledger/reconcile-context.js';
import type { PathReconciler } from '../ledger/reconcile-path.js';
import type { ScanDisk } from '../ledger/scan.js';
import type { Entry } from '../model/entry.js';
import type { HostId } from '../model/host.js';
import type { FileInfo, LocalFileInfo } from '../model/file.js';
import type { NamedPaths } from '../model/capture.js';
import type { Path } from '../model/path.js';
import type { SyncDir } from '../model/sync-dir.js';
import type { ShownContents } from '../replica/kept-file.js';
import type { RestoredVersion } from '../replica/place-version.js';
import type { ScanScope } from '../replica/scan.js';
import type { Backend } from '../transport/backend.js';
import type { HostContext } from './host-context.js';

/** This host's own disk, as a leader uses it. */
interface LeaderDisk extends Omit<ReconcileDisk, 'hash'>, Omit<ScanDisk, 'hash'> {
  /** @param options see `ReconcileDisk` */
  hash(
    path: Path,
    options?: { keeps: boolean; only?: (seen: LocalFileInfo) => boolean },
  ): Promise<(LocalFileInfo & { sha256: string }) | undefined>;
  isDirectory(path: Path): Promise<boolean>;
  /**
   * Places a recoverable file at its path, because a person decided so; the file there goes to the
   * trash. Returns the path. Throws BAD_PATH if there is no such file; CHANGED.
   */
  restoreKept(dir: SyncDir, keptAs: string, shown: ShownContents): Promise<Path>;
  /** Finds a copy with exactly these bytes in the trash or the conflicts. */
  findCopy(path: Path, info: FileInfo): Promise<string | undefined>;
  /**
   * Opens a file with the bytes of a version: one that was replaced, or the one at the path. The
   * caller closes it. Undefined if this disk has none.
   */
  openCopy(path: Path, info: FileInfo, signal: AbortSignal): Promise<FileHandle | undefined>;
  /**
   * Places an earlier version at its path, from such a copy or from a stream, because a person
   * decided so; the file that it replaces goes to the trash. Throws CHANGED if the file changed
   * meanwhile; TRANSFER_FAILED if the bytes are others.
   */
  placeVersion(restored: RestoredVersion, fileMode: number): Promise<void>;
  /** Moves a file that was placed to the trash. A file that replaced it since stays. */
  withdraw(path: Path, placed: LocalFileInfo): Promise<void>;
  /** Moves the file to the conflicts. */
  moveToConflicts(path: Path): Promise<void>;
}

/**
 * Everything that the leader of a host works with: the host context, and what only a leader has.
 * Jobs, delivery queues and runs take the fields that they need, as `Pick<LeaderContext, …>`.
 */
export interface LeaderContext extends HostContext {
  readonly backend: Backend;
  /** Set if the backend keeps a history, in which new versions have to be recorded. */
  readonly recording?: Recording | undefined;
  readonly disk: LeaderDisk;
  readonly reconciler: PathReconciler;
  readonly acknowledger: Acknowledger;
  readonly heartbeats: HeartbeatMonitor;
  /**
   * Finds the sync dir of a path that may be synced; undefined for an unsafe or excluded path.
   * This checks paths from rows and other processes.
   */
  findSyncDir(path: string): SyncDir | undefined;
  /** Lists the other hosts that are to get this path; undefined if it may not be synced. */
  listReceivers(path: Path): HostId[] | undefined;
  /**
   * Finds which of these paths a document still names. Callers that ask at the same time share
   * one search. @throws CANCELLED when this leader ends
   */
  searchNamedPaths(paths: readonly Path[]): Promise<NamedPaths>;
  /** Scans a sync dir of this host and enqueues the new versions. */
  scan(dir: SyncDir, signal: AbortSignal, scope?: ScanScope): Promise<void>;
  /** Reconciles these paths of this disk with the ledger by content; enqueues new versions. */
  recheckPaths(paths: readonly Path[]): Promise<void>;
  /** Enqueues just written entries for delivery. */
  enqueue(entries: readonly Entry[]): void;
  /** Calls the listener with each batch that is enqueued, after the delivery queues have it. */
  onEntries(listener: (entries: readonly Entry[]) => void): () => void;
  /** Whether files are on their way to any host, or were a moment ago. */
  hasTraffic(): boolean;
  /** Wakes the delivery queue of a host, despite its backoff. */
  wakeQueue(host: HostId): void;
  /** Requests that a host checks a path on its own disk. Resolves once the request is stored. */
  requestCheck(host: HostId, path: Path): Promise<void>;
  /** Notifies another host that it received files. */
  notifyReceiver(host: HostId, files: number): void;
  /** Reports that this host received files. */
  reportReceived(files: number): void;
}
