import type { EventBus } from '../events.js';
import type { Asserted, Entry, HostId, Path, SavedBy, Seen, Version } from '../words.js';
import type { Ledger } from './ledger.js';

/** What folding needs of this host's disk; `root/` gives it. */
export interface FoldDisk {
  /** Undefined where nothing is there. Throws BAD_PATH, SYMLINK_IN_PATH, NOT_A_FILE, NO_MARKER. */
  observe(path: Path): Promise<Seen | undefined>;
  /** `keeps`: its bytes are about to be sent; `only`: others are not read, and as if absent. */
  hash(path: Path, options?: { keeps: boolean; only?: (seen: Seen) => boolean }): Promise<Seen | undefined>;
  /** Looks in this host's own `.syncmedia` for the current bytes; `late`: only where a delivery that came late has left them. */
  findOwnCopy(entry: Entry, options?: { late: boolean }): Promise<string | undefined>;
  /** Looks in this host's aside area for bytes that the entry does not know: a delivery has replaced them before they were captured. */
  findUncaptured(entry: Entry): Promise<string | undefined>;
  /** Puts these bytes back. Does nothing where a judge has moved them meanwhile. */
  putBack(entry: Entry, uncaptured: string): Promise<void>;
  /** A file that was taken from this path since then, in this host's own `.syncmedia`, and that `wanted` accepts. */
  findTaken(path: Path, since: Date, wanted: (seen: Seen) => boolean): Promise<string | undefined>;
  /** Puts it back where the path is empty. */
  takeBack(path: Path, taken: string): Promise<void>;
  /** False where what lay there meanwhile is no version, and was put back. */
  restore(entry: Entry, ownCopy: string): Promise<boolean>;
  /** Gives the file that was seen there the date of the version; one that came to the path since keeps its own. */
  redate(entry: Entry, seen: Seen): Promise<void>;
  moveToTrash(path: Path): Promise<void>;
}

export interface FoldContext {
  readonly ledger: Ledger;
  readonly disk: FoldDisk;
  readonly me: HostId;
  readonly events: EventBus;
  /** Hosts that are owed this path, without this one; no sync dir has it any more: undefined. */
  wantedBy(path: Path): HostId[] | undefined;
  isReady(): boolean;
  areRemovalsHalted(path: Path): boolean;
  /** Whether a capture of this host that names the path waits to be folded. */
  isCaptured(path: Path): Promise<boolean>;
  /** Whether a document names the path now; 'unknown' where this process does not have every model. */
  isReferenced(path: Path): Promise<boolean | 'unknown'>;
  /** How long a scan leaves an older file that came to its path to the save that may be about to name it. In milliseconds. */
  readonly awaitedMs: number;
}

/** Files up to this size are hashed when they are captured; larger ones by the scan that follows. In bytes. */
export const hashAtOnceLimit = 8 * 1024 * 1024;

/** How much a scan may still read. After a restore from a backup every file looks changed; the next scan reads what this one leaves. */
export interface Rereads { files: number; bytes: number }

export interface Reason {
  readonly why: 'named' | 'scan';
  /** Bytes that somebody says are news. */
  readonly asserted?: readonly Asserted[] | undefined;
  readonly savedBy?: SavedBy | undefined;
  /** When the save that names the paths began. */
  readonly savedAt?: Date | undefined;
  /** What a scan may still read of files whose size and date are those of the version, and that were changed all the same. */
  readonly rereads?: Rereads | undefined;
  /** Hosts known to have the same bytes (what a pull fetched from them). */
  readonly alsoHeldBy?: readonly HostId[];
  /** A conflict rule decided that these bytes win. */
  readonly overrules?: boolean;
  /** The content counts wherever it is known, not only size and mtime: a lane found other bytes than those of the version. */
  readonly surely?: boolean;
  /** Only over this version of the path, or only where it has none; once it moved on nothing is done. */
  readonly over?: { readonly version: Version | undefined };
}
