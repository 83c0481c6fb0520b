import type { Path, Seen } from '../words.js';

/** A small file as it was read: its bytes, and what it was. */
export interface RecentFile { readonly bytes: Buffer; readonly seen: Seen & { readonly sha256: string } }
interface Recent { readonly file: RecentFile; readonly stamp: string; readonly readAt: number }

/** As many files as the lanes of several hosts may be apart. */
const limits = { fileBytes: 1024 * 1024, files: 250, allBytes: 8 * 1024 * 1024, ageMs: 2_000 };

/**
 * Bytes of small files that were read a moment ago: whoever sends a version to several hosts, and right after it was captured, need not
 * read it for each.
 */
export class RecentBytes {
  private readonly kept = new Map<Path, Recent>();
  private size = 0;

  /** Whether a file of this size may be kept. */
  takes(size: number): boolean { return size <= limits.fileBytes; }

  /** @param stamp differs for every file, and after every write to it */
  keep(path: Path, file: RecentFile, stamp: string): void {
    if (!this.takes(file.bytes.length)) return;
    this.drop(path);
    this.kept.set(path, { file, stamp, readAt: performance.now() });
    this.size += file.bytes.length;
    for (const [oldest, { readAt }] of this.kept) {
      if (this.kept.size <= limits.files && this.size <= limits.allBytes && performance.now() - readAt <= limits.ageMs) break;
      this.drop(oldest);
    }
  }

  /** @param findStamp of what lies at the path now: a file may be written anew without its size and date telling */
  find(path: Path, findStamp: () => string | undefined): RecentFile | undefined {
    const recent = this.kept.get(path);
    const isFresh = recent !== undefined && performance.now() - recent.readAt <= limits.ageMs && findStamp() === recent.stamp;
    return isFresh ? recent.file : undefined;
  }

  private drop(path: Path): void {
    this.size -= this.kept.get(path)?.file.bytes.length ?? 0;
    this.kept.delete(path);
  }
}
