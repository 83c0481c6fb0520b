import type { Recording } from '../decisions/entries.js';
import type { Downtime } from '../decisions/forgotten.js';
import type { EventBus } from '../model/events.js';
import type { AssertedFile, DocumentRef } from '../model/capture.js';
import type { Entry, Version } from '../model/entry.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';
import type { Ledger } from './ledger.js';

/** The part of this host's disk that reconciling a path needs. */
export interface ReconcileDisk {
  /**
   * Returns undefined where the path does not exist. Throws BAD_PATH, SYMLINK_IN_PATH,
   * NOT_A_FILE, NO_MARKER.
   */
  observe(path: Path): Promise<LocalFileInfo | undefined>;
  /**
   * @param options `keeps`: remembers the bytes, because they are about to be sent. `only`:
   * treats files that it rejects as absent, without reading them.
   */
  hash(
    path: Path,
    options?: { keeps: boolean; only?: (seen: LocalFileInfo) => boolean },
  ): Promise<LocalFileInfo | undefined>;
  /**
   * Searches this host's own `.syncmedia` for the current bytes. `late`: searches only where a
   * delivery that came late leaves them.
   */
  findOwnCopy(entry: Entry, options?: { late: boolean }): Promise<string | undefined>;
  /**
   * Searches this host's area of replaced files for bytes that the entry does not know. A
   * delivery replaced these bytes before they were captured.
   */
  findUncaptured(entry: Entry): Promise<string | undefined>;
  /** Puts these bytes back. Does nothing if another process has moved them meanwhile. */
  putBackUncaptured(entry: Entry, uncaptured: string): Promise<void>;
  /**
   * Searches this host's own `.syncmedia` for a file that was removed from this path after
   * `since` and that `wanted` accepts.
   */
  findRemoved(
    path: Path,
    since: Date,
    wanted: (seen: LocalFileInfo) => boolean,
  ): Promise<string | undefined>;
  /** Puts the removed file back if the path is still empty. */
  putBackRemoved(path: Path, taken: string): Promise<void>;
  /**
   * Returns false if bytes that belong to no version lay at the path meanwhile, and were put
   * back.
   */
  restoreOwnCopy(entry: Entry, ownCopy: string): Promise<boolean>;
  /**
   * Gives the observed file the date of the version. A file that replaced it since keeps its own
   * date.
   */
  redate(entry: Entry, seen: LocalFileInfo): Promise<void>;
  moveToTrash(path: Path): Promise<void>;
}

export interface ReconcileContext {
  readonly ledger: Ledger;
  readonly disk: ReconcileDisk;
  readonly me: HostId;
  readonly events: EventBus;
  /**
   * Lists the other hosts that are to get this path; undefined if no sync dir contains it any
   * more.
   */
  listReceivers(path: Path): HostId[] | undefined;
  isReady(): boolean;
  areRemovalsHalted(path: Path): boolean;
  /** Whether a capture of this host that names the path waits to be processed. */
  isCaptured(path: Path): Promise<boolean>;
  /**
   * Whether a document names the path now; 'unknown' if this process does not have every model.
   */
  isReferenced(path: Path): Promise<boolean | 'unknown'>;
  /**
   * Milliseconds for which a scan ignores an older file that appeared at its path, because a save
   * may be about to name it.
   */
  readonly awaitSaveMs: number;
  /** The downtime before this leader began, by the clock of this host. */
  readonly downtime: Downtime;
  /** Set if this host keeps a history, in which new versions are recorded. */
  readonly recording?: Recording | undefined;
}

/**
 * In bytes. Files up to this size are hashed when they are captured, larger ones by the next
 * scan.
 */
export const immediateHashLimit = 8 * 1024 * 1024;

/**
 * How much one scan may still read. After a restore from a backup every file looks changed; the
 * next scan continues where this one stops.
 */
export interface RereadBudget {
  files: number;
  bytes: number;
}

export interface ReconcileReason {
  readonly why: 'named' | 'scan';
  /** Bytes that the application declares to be a new version. */
  readonly asserted?: readonly AssertedFile[] | undefined;
  readonly savedBy?: DocumentRef | undefined;
  /** Who made the change, if somebody was named. */
  readonly author?: string | undefined;
  /** When the save that names the paths began. */
  readonly savedAt?: Date | undefined;
  /**
   * How many touched files a scan may still read, although their size and date are those of the
   * version.
   */
  readonly rereadBudget?: RereadBudget | undefined;
  /** Hosts known to have the same bytes, such as the host that a pull fetched them from. */
  readonly alsoHeldBy?: readonly HostId[];
  /** A conflict rule decided that these bytes win. */
  readonly overrules?: boolean;
  /**
   * Compares the content wherever it is known, not only size and mtime. Set when a delivery found
   * other bytes than those of the version.
   */
  readonly comparesContent?: boolean;
  /**
   * Writes only over this version, or only where the path has none. If the entry moved on,
   * nothing is written.
   */
  readonly ifVersion?: { readonly version: Version | undefined };
}
