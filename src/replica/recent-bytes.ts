import type { Path, Seen } from '../model/words.js';

/** The bytes of a small file, with its info when it was read. */
export interface RecentFile {
  readonly bytes: Buffer;
  readonly seen: Seen & { readonly sha256: string };
}
interface Recent {
  readonly file: RecentFile;
  readonly stamp: string;
  readonly readAt: number;
}

/** Enough files for the delivery queues of several hosts, which work at different positions. */
const limits = { fileBytes: 1024 * 1024, files: 250, allBytes: 8 * 1024 * 1024, ageMs: 2_000 };

/**
 * Caches small files that were just read. A version that goes to several hosts, right after its
 * capture, is read only once.
 */
export class RecentBytes {
  private readonly kept = new Map<Path, Recent>();
  private size = 0;

  /** Whether a file of this size may be cached. */
  takes(size: number): boolean {
    return size <= limits.fileBytes;
  }

  /** @param stamp differs for every file, and after every write to it */
  keep(path: Path, file: RecentFile, stamp: string): void {
    if (!this.takes(file.bytes.length)) return;
    this.drop(path);
    this.kept.set(path, { file, stamp, readAt: performance.now() });
    this.size += file.bytes.length;
    for (const [oldest, { readAt }] of this.kept) {
      if (
        this.kept.size <= limits.files &&
        this.size <= limits.allBytes &&
        performance.now() - readAt <= limits.ageMs
      )
        break;
      this.drop(oldest);
    }
  }

  /**
   * @param findStamp returns the stamp of the file at the path now, since size and date may hide
   *   a write
   */
  find(path: Path, findStamp: () => string | undefined): RecentFile | undefined {
    const recent = this.kept.get(path);
    const isFresh =
      recent !== undefined &&
      performance.now() - recent.readAt <= limits.ageMs &&
      findStamp() === recent.stamp;
    return isFresh ? recent.file : undefined;
  }

  private drop(path: Path): void {
    this.size -= this.kept.get(path)?.file.bytes.length ?? 0;
    this.kept.delete(path);
  }
}
