import type { LocalFileInfo } from './file.js';
import type { HostId } from './host.js';
import type { Path } from './path.js';

export interface DocumentRef {
  model: string;
  id: string;
}

export interface AssertedFile {
  readonly path: Path;
  readonly info: LocalFileInfo;
}

/**
 * A row of the outbox: the paths that one operation touched. The operation inserts it in its own
 * session. The leader processes and then removes it.
 */
export interface Capture {
  id: string;
  host: HostId;
  dueAt: Date;
  savedBy?: DocumentRef;
  /** Who made the change, if `withAuthor` named somebody. */
  author?: string;
  /** Paths that the document names now. */
  touched: Path[];
  /**
   * Paths that the document no longer names. If the sync dir propagates deletes, they are
   * candidates for deletion.
   */
  unreferenced: Path[];
  /** When `unreferenced` became candidates. They are checked again for ten minutes. */
  unreferencedSince?: Date;
  /** Sync dirs to scan later, with the delay in seconds. */
  rescan: { dir: Path; after: number }[];
  /**
   * The files that lay there when the app called `capture(paths)`. Each is a new version whatever
   * its size and date, unless other bytes lie there by now.
   */
  asserted?: AssertedFile[];
}

/**
 * A file that a document names and this host does not sync. Either an exclude pattern matches it,
 * or no sync dir of this host contains it.
 */
export type UnsyncedFile =
  | {
      readonly path: Path;
      readonly why: 'excluded';
      readonly syncDir: Path;
      readonly pattern: string;
    }
  | { readonly path: Path; readonly why: 'not synced here' };

/** Which paths documents name. No document names a path that appears in neither member. */
export interface NamedPaths {
  readonly named: ReadonlySet<Path>;
  /** Paths for which the search failed, with the reason. */
  readonly undetermined: ReadonlyMap<Path, string>;
}
