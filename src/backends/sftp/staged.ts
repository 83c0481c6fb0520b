import type { Facts, HostId, Path } from '../../words.js';

/** How long a file that was sent ahead waits for its delivery. In milliseconds. */
const defaultPatience = 10_000;
const limits = { files: 64, bytes: 16 * 1024 * 1024 };

/** A small file with known content, on its way to a host. */
export interface StagedFile { readonly host: HostId; readonly path: Path; readonly facts: Facts }

interface Waiting { readonly uploading: Promise<string | undefined>; readonly size: number; readonly timer: NodeJS.Timeout }

/**
 * Files that lie in tmp areas of other hosts before the ledger has their version: a delivery of these very bytes places them. What nobody
 * asks for is removed again; what a crash leaves is bounded by age, as everything in tmp is.
 */
export class Staged {
  private readonly files = new Map<string, Waiting>();
  private bytes = 0;

  constructor(private readonly patienceMs = defaultPatience) {}

  /** Whether one more may be sent ahead. */
  takes(file: StagedFile): boolean {
    return this.files.size < limits.files && this.bytes + file.facts.size <= limits.bytes && !this.files.has(keyOf(file));
  }

  /** @param uploading where it lies there, an absolute path; undefined where it could not be sent @param discard removes it */
  add(file: StagedFile, uploading: Promise<string | undefined>, discard: (at: string) => Promise<void>): void {
    const key = keyOf(file), { size } = file.facts;
    const timer = setTimeout(() => {
      if (!this.drop(key)) return;
      void uploading.then((at) => (at === undefined ? undefined : discard(at))).catch(() => { /* It is bounded by age. */ });
    }, this.patienceMs);
    timer.unref();
    this.files.set(key, { uploading, size, timer });
    this.bytes += size;
  }

  /** Where this file lies there already, once it does; undefined where it does not. It is the caller's from then on. */
  async take(file: StagedFile): Promise<string | undefined> {
    const key = keyOf(file), waiting = this.files.get(key);
    return waiting && this.drop(key) ? waiting.uploading : undefined;
  }

  /** The connections end now: what lies there stays, and is bounded by age. */
  close(): void {
    for (const key of [...this.files.keys()]) this.drop(key);
  }

  private drop(key: string): boolean {
    const waiting = this.files.get(key);
    if (!waiting) return false;
    clearTimeout(waiting.timer);
    this.bytes -= waiting.size;
    return this.files.delete(key);
  }
}

function keyOf({ host, path, facts: { size, mtime, sha256 } }: StagedFile): string {
  return JSON.stringify([host, path, size, mtime, sha256]);
}
