import { createHash } from 'node:crypto';

/** What tells a directory from every other one that ever lay at its path. */
export interface DirectoryId { readonly dev: bigint; readonly ino: bigint }

/** Directories beyond so many are not kept: a scan takes them for new each time, which is slower and finds no less. */
const LIMIT = 1_000_000;

/**
 * The directories that a scan walked, each by its path and its inode. A directory that was moved to its path, and each one below it, is
 * not among those of the scan before, whatever the dates say: renaming a directory changes no date below it.
 */
export class DirectoryIds {
  private readonly ids = new Set<number>();

  constructor(private readonly limit = LIMIT) {}

  add(path: string, id: DirectoryId): void {
    if (this.ids.size < this.limit) this.ids.add(digest(path, id));
  }

  has(path: string, id: DirectoryId): boolean {
    return this.ids.has(digest(path, id));
  }
}

/** A number of 48 bits: a site has so few directories that two never share one, and the daily scan would find what that hid. */
function digest(path: string, { dev, ino }: DirectoryId): number {
  return createHash('sha1').update(`${String(dev)} ${String(ino)} ${path}`).digest().readUIntBE(0, 6);
}
