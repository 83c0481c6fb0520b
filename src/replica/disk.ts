import type { ReplacedBy, Resolution } from '../model/resolution.js';
import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';

/**
 * Describes the file, directory or symlink at an absolute path. A symlink at its end is not
 * followed.
 */
export interface DiskStat extends LocalFileInfo {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly mode: number;
  readonly gid: number;
}

/** Whether both stats show the same file, by kind, size and mtime. */
export function isSameStat(one: DiskStat, other: DiskStat | undefined): boolean {
  return (
    one.kind === other?.kind &&
    one.size === other.size &&
    one.mtime === other.mtime &&
    one.nanos === other.nanos
  );
}

/**
 * The few operations that placing a file needs of a disk. They are the same for this machine's disk
 * (`node-disk.ts`) and for another host's over SFTP (`transport/ssh/remote-disk.ts`). Paths are
 * absolute. Failures throw a SyncMediaError (DISK_FULL, PERMISSION_DENIED, HOST_UNREACHABLE,
 * TIMED_OUT, TRANSFER_FAILED …). Absence is no failure if `undefined` or `false` is offered.
 */
export interface Disk {
  /** Does an lstat. Undefined if nothing is there. */
  stat(path: string): Promise<DiskStat | undefined>;
  /**
   * Lists the names in a directory; undefined if it does not exist. Omits names that are not
   * valid UTF-8.
   */
  list(path: string): Promise<string[] | undefined>;
  /** Returns the path with its symlinks resolved; undefined if nothing is there. */
  realPath(path: string): Promise<string | undefined>;
  /**
   * Makes one directory, unless it exists. The directory keeps the group and the setgid bit that
   * it inherits from its parent. False if the parent is missing.
   */
  makeDirectory(path: string, mode: number): Promise<boolean>;
  /**
   * Gives this user the permissions to work in a directory of its own. Other hosts can take them
   * away by SFTP and rsync. Only this host's own disk offers it.
   */
  restoreOwnPermissions?(path: string): Promise<void>;
  /**
   * Makes a hard link and replaces nothing. Throws LINK_FAILED for any failure except these two.
   */
  link(from: string, to: string): Promise<'linked' | 'absent' | 'exists'>;
  /**
   * Renames a file, atomically replacing one at `to` (posix-rename). False if `from` is absent.
   */
  rename(from: string, to: string): Promise<boolean>;
  /**
   * Renames `from` over the file at `to`. The caller has just made `kept` as a second name of
   * that file. If another file has come to `to` since, it is kept too, at the free name `late`.
   * `late` is linked right before the rename, without a round trip in between. False if `from` is
   * absent.
   */
  replace(
    from: string,
    to: string,
    kept: string,
    late: string,
  ): Promise<'replaced' | 'replaced another' | false>;
  /** Removes a file, if there is one. */
  remove(path: string): Promise<void>;
  /** Removes an empty directory, if there is one. False if it is not empty. */
  removeDirectory(path: string): Promise<boolean>;
  /** Reads a small text file; undefined if it is absent. Refuses more than 64 KiB. */
  readText(path: string): Promise<string | undefined>;
  /** Reads a file; undefined if it is absent or larger than `limit` bytes. */
  read(path: string, limit: number): Promise<Buffer | undefined>;
  /**
   * Writes a new file with this mode and flushes it. Fails if the file exists. Used for markers
   * and test files.
   */
  writeNew(path: string, content: Uint8Array, mode: number): Promise<void>;
  /**
   * Computes the sha256 (hex) of a file; undefined if it is absent or larger than `limit` bytes.
   */
  hash(path: string, limit: number): Promise<string | undefined>;
}

/**
 * Decides where a file goes that a placement at `path` replaced or removed, or that a crash left
 * behind. The answer comes from the entry, which is read anew. `hash` reads the file, so it is
 * called only if the file info alone cannot decide.
 */
export interface ReplacedFileResolver {
  (
    path: Path,
    info: LocalFileInfo,
    by: ReplacedBy,
    hash: () => Promise<string | undefined>,
  ): Promise<Resolution>;
  /**
   * Called for each file that became a conflict, also if another resolution could not be carried
   * out.
   */
  onConflict?(path: Path): void;
  /** Called for each folder of leftovers (absolute) that an error kept from being resolved. */
  onUnresolved?(folder: string, error: unknown): void;
}
