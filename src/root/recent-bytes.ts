import type { Path } from '../words.js';

interface Recent { readonly bytes: Buffer; readonly stamp: string; readonly readAt: number }

const limits = { fileBytes: 1024 * 1024, allBytes: 8 * 1024 * 1024, ageMs: 2_000 };

/**
 * Bytes of small files that were read a moment ago: whoever sends a version to several hosts, and right after it was captured, need not
 * read it for each.
 */
export class RecentBytes {
  private readonly kept = new Map<string, Recent>();
  private size = 0;

  /** Whether a file of this size may be kept. */
  takes(size: number): boolean { return size <= limits.fileBytes; }

  /** @param stamp differs for every file, and after every write to it */
  keep(path: Path, sha256: string, bytes: Buffer, stamp: string): void {
    if (!this.takes(bytes.length)) return;
    const key = keyOf(path, sha256);
    this.drop(key);
    this.kept.set(key, { bytes, stamp, readAt: performance.now() });
    this.size += bytes.length;
    for (const [oldest, { readAt }] of this.kept) {
      if (this.size <= limits.allBytes && performance.now() - readAt <= limits.ageMs) break;
      this.drop(oldest);
    }
  }

  /** @param findStamp of what lies at the path now: a file may be written anew without its size and date telling */
  find(path: Path, sha256: string, findStamp: () => string | undefined): Buffer | undefined {
    const recent = this.kept.get(keyOf(path, sha256));
    const isFresh = recent !== undefined && performance.now() - recent.readAt <= limits.ageMs && findStamp() === recent.stamp;
    return isFresh ? recent.bytes : undefined;
  }

  private drop(key: string): void {
    this.size -= this.kept.get(key)?.bytes.length ?? 0;
    this.kept.delete(key);
  }
}

function keyOf(path: Path, sha256: string): string { return `${sha256} ${path}`; }
