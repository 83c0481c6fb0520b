import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';

/** The bytes of a small file, with its info when it was read. */
export interface RecentFile {
  readonly bytes: Buffer;
  readonly info: LocalFileInfo & { readonly sha256: string };
}
interface CachedFile {
  readonly file: RecentFile;
  readonly stamp: string;
  readonly readAt: number;
}

/** Enough files for the delivery queues of several hosts, which work at different positions. */
const cacheLimits = { fileBytes: 1024 * 1024, files: 250, allBytes: 8 * 1024 * 1024, ageMs: 2_000 };

/**
 * Caches small files that were just read. A version that goes to several hosts, right after its
 * capture, is read only once.
 */
export class RecentFileCache {
  private readonly files = new Map<Path, CachedFile>();
  private size = 0;

  /** Whether a file of this size may be cached. */
  accepts(size: number): boolean {
    return size <= cacheLimits.fileBytes;
  }

  /** @param stamp differs for every file, and after every write to it */
  add(path: Path, file: RecentFile, stamp: string): void {
    if (!this.accepts(file.bytes.length)) return;
    this.remove(path);
    this.files.set(path, { file, stamp, readAt: performance.now() });
    this.size += file.bytes.length;
    for (const [oldest, { readAt }] of this.files) {
      if (
        this.files.size <= cacheLimits.files &&
        this.size <= cacheLimits.allBytes &&
        performance.now() - readAt <= cacheLimits.ageMs
      )
        break;
      this.remove(oldest);
    }
  }

  /**
   * @param findStamp returns the stamp of the file at the path now, since size and date may hide
   *   a write
   */
  find(path: Path, findStamp: () => string | undefined): RecentFile | undefined {
    const recent = this.files.get(path);
    const isFresh =
      recent !== undefined &&
      performance.now() - recent.readAt <= cacheLimits.ageMs &&
      findStamp() === recent.stamp;
    return isFresh ? recent.file : undefined;
  }

  /** The bytes with this sha256 that were just read at the path. Another file may lie there now. */
  findBytes(path: Path, sha256: string): Uint8Array | undefined {
    const file = this.files.get(path)?.file;
    return file?.info.sha256 === sha256 ? file.bytes : undefined;
  }

  private remove(path: Path): void {
    this.size -= this.files.get(path)?.file.bytes.length ?? 0;
    this.files.delete(path);
  }
}
