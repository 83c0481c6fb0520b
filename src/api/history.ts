import type { RecordedVersion, RemoteCopy } from '../model/history.js';
import type { Path } from '../model/path.js';
import type { Run } from '../model/run.js';

/** A version that the history remembers, with the name of the host that recorded it. */
export interface HistoryVersion extends RecordedVersion {
  readonly hostname: string;
  /**
   * Of this version only the name and the hash are here, but another host may have the bytes. They
   * are fetched when they are needed.
   */
  readonly elsewhere?: true;
}

/** What a restore does, or would do. */
export interface HistoryRestore {
  readonly path: Path;
  readonly version: HistoryVersion;
  readonly dryRun: boolean;
  /** Where the bytes come from. */
  readonly from: 'history' | 'trash' | 'another host';
  /** The file that is there now. A restore moves it to the trash. */
  readonly current?: { readonly size: number; readonly mtime: Date; readonly sha256: string };
  /** The file that is there now has the bytes of the version, so nothing is to do. */
  readonly isCurrent: boolean;
  /** The hosts that get the restored file, this one first. */
  readonly hosts: readonly string[];
}

export interface HistoryRestoreOptions {
  /** Default true: nothing changes. */
  readonly dryRun?: boolean;
  /**
   * The sha256 of the file at the path as a dry run showed it; null if there was none. The restore
   * counts for that alone.
   */
  readonly current?: string | null;
  /** Who restores it: the author of the new version. */
  readonly by?: string;
}

/** Throws NO_HISTORY where the backend keeps none. Paths are relative to the root, or absolute. */
export interface HistoryActions {
  /** Lists the versions of a file, newest first; at most `limit`, default 100. */
  list(path: string, limit?: number): Promise<HistoryVersion[]>;
  /**
   * Finds one version: by the beginning of its revision, or as it was current at a time (ISO
   * 8601, with dashes). Throws NOT_RECORDED; BAD_OPTION for anything else, and for digits that may
   * be either.
   */
  show(path: string, at: string): Promise<HistoryVersion>;
  /**
   * Reads the bytes of a version, and fetches them from another host if they lie only there. Fails
   * at the end if they are damaged. Throws NOT_RECORDED, HOST_UNREACHABLE.
   */
  read(path: string, at: string): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Places an earlier version at its path again, as a new version for every host. Changes nothing
   * unless `dryRun` is false. Throws NOT_RECORDED; CHANGED if the file is not `current`, or is
   * saved while the version is read: that save stays.
   */
  restore(path: string, at: string, options?: HistoryRestoreOptions): Promise<HistoryRestore>;
  /**
   * Requests a run on this host that restores every file of a sync dir as it was at a time (ISO
   * 8601). Files that were saved since the request, and files that the history does not know of
   * that time, stay. A save that comes while its file is restored is a failure of the run
   * (CHANGED). Changes nothing unless `dryRun` is false. With the `requestedAt` of a dry run as
   * `before`, files that were saved since that dry run stay too. Throws BAD_OPTION, BAD_SYNC_DIR.
   */
  restoreDir(
    dir: string,
    at: string,
    options?: { dryRun?: boolean; before?: string; by?: string },
  ): Promise<Run>;
  /**
   * The history of all days (UTC) since `since`, as a bundle that git can read. Its stream throws
   * NOT_RECORDED if there is none.
   */
  bundle(since: Date): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Removes a path from the history of every host. Hosts that are away do it when they are back.
   * The file itself stays, and so do copies in the trash and on special remotes of an annex.
   * Returns those on special remotes of this host, as git-annex noted them.
   */
  forget(path: string): Promise<readonly RemoteCopy[]>;
}
