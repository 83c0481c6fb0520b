import type { AsideBy, Path, Seen, Verdict } from '../words.js';

/** What lies at an absolute path, not following a symlink at its end. */
export interface DiskStat extends Seen {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly mode: number;
  readonly gid: number;
}

/** Whether it is the same, by all that a look tells. */
export function isSameStat(one: DiskStat, other: DiskStat | undefined): boolean {
  return one.kind === other?.kind && one.size === other.size && one.mtime === other.mtime && one.nanos === other.nanos;
}

/**
 * The few operations a landing needs of a disk, the same for this disk (`local-disk.ts`) and for another host's over SFTP
 * (`ssh/remote-disk.ts`). Paths are absolute. Failures throw a SyncMediaError (DISK_FULL, PERMISSION_DENIED, HOST_UNREACHABLE,
 * TIMED_OUT, TRANSFER_FAILED …); absence is not a failure where `undefined` or `false` is offered.
 */
export interface Disk {
  /** lstat; undefined where nothing is there. */
  stat(path: string): Promise<DiskStat | undefined>;
  /** Names in a directory, undefined where it does not exist. Names that are not valid UTF-8 are left out. */
  list(path: string): Promise<string[] | undefined>;
  /** Real path, symlinks resolved; undefined where nothing is there. */
  realPath(path: string): Promise<string | undefined>;
  /**
   * Makes one directory; fine if it is there. It keeps the group and the setgid bit that it gets from the one it lies in. False where that
   * is missing.
   */
  makeDirectory(path: string, mode: number): Promise<boolean>;
  /** Gives this user what it needs to work in a directory of its own: other hosts can take it away by SFTP and rsync. Only this host's own disk can. */
  openOwn?(path: string): Promise<void>;
  /** Hard link; replaces nothing. Any failure but these two throws LINK_FAILED. */
  link(from: string, to: string): Promise<'linked' | 'absent' | 'exists'>;
  /** Renames, replacing what is at `to` at once (posix-rename). False where `from` is absent. */
  rename(from: string, to: string): Promise<boolean>;
  /**
   * Renames `from` over the file at `to`, of which `kept` is a second name, made a moment ago. What has come to `to` since is kept too, at
   * `late`, a name that is free: it is linked right before the rename, without a round trip in between. False where `from` is absent.
   */
  replace(from: string, to: string, kept: string, late: string): Promise<'replaced' | 'replaced another' | false>;
  /** Removes a file; fine if it is absent. */
  remove(path: string): Promise<void>;
  /** Removes an empty directory; false where it is not empty, fine if it is absent. */
  removeDirectory(path: string): Promise<boolean>;
  /** A small text file's content, undefined where it is absent; refuses more than 64 KiB. */
  readText(path: string): Promise<string | undefined>;
  /** Writes a new file (exclusively), flushed, with this mode; used for markers and test files. */
  writeNew(path: string, content: Uint8Array, mode: number): Promise<void>;
  /** sha256 (hex) of the file; undefined where it is absent or larger than `limit` bytes. */
  hash(path: string, limit: number): Promise<string | undefined>;
}

export type { AsideBy } from '../words.js';

/**
 * Asks where bytes go that a landing at `path` replaced or removed, or that a crash left aside. The answer comes from the entry,
 * read afresh. `hash` reads the bytes themselves; it is asked only where facts alone cannot tell.
 */
export interface Judge {
  (path: Path, found: Seen, by: AsideBy, hash: () => Promise<string | undefined>): Promise<Verdict>;
  /** Told of each file that was kept as a conflict, also where the answer was another one that could not be carried out. */
  onConflict?(path: Path): void;
}
