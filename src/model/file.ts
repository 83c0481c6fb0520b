/**
 * What rsync and SFTP can carry of a file: size in bytes and mtime in whole seconds since the
 * epoch. `sha256` (hex) is set once it is known.
 */
export interface FileInfo {
  readonly size: number;
  readonly mtime: number;
  readonly sha256?: string;
}

/**
 * A file as one host observed it on its own disk. `nanos` is the fraction of the mtime, 0 where a
 * transfer or the file system dropped it. `stamp` holds inode and change time. No program sets
 * these back, so a file with another stamp may have other bytes, regardless of its size and date.
 * Only the machine's own disk shows the stamp.
 */
export interface LocalFileInfo extends FileInfo {
  readonly nanos: number;
  readonly stamp?: string;
}
