import { createHash } from 'node:crypto';

/** Identifies a directory among all that ever lay at its path. */
interface DirectoryId {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * More directories than this are not remembered. Each scan takes the rest for new, which is
 * slower and finds no less.
 */
const LIMIT = 1_000_000;

/**
 * The directories that a scan walked, each by its path and inode. A directory that was moved to
 * its path is not among those of the previous scan, nor is any directory below it. Dates would
 * not show that: renaming a directory changes no date below it.
 */
export class DirectoryIds {
  private readonly ids = new Set<number>();

  constructor(private readonly limit = LIMIT) {}

  add(path: string, id: DirectoryId): void {
    if (this.ids.size < this.limit) this.ids.add(digestDirectory(path, id));
  }

  has(path: string, id: DirectoryId): boolean {
    return this.ids.has(digestDirectory(path, id));
  }
}

/**
 * A digest of 48 bits. A site has so few directories that two never share one, and the daily scan
 * would find the files that a collision hid.
 */
function digestDirectory(path: string, { dev, ino }: DirectoryId): number {
  return createHash('sha1')
    .update(`${String(dev)} ${String(ino)} ${path}`)
    .digest()
    .readUIntBE(0, 6);
}
