import type { Facts, HostId, Path } from '../../words.js';

/** How long a file that was sent ahead waits for its delivery. In milliseconds. */
const defaultPatience = 10_000;
/** How long a look at the other end counts for what was sent beside it: about as long as one takes over a slow line. In milliseconds. */
const freshMs = 2_000;
const limits = { files: 64, bytes: 16 * 1024 * 1024 };

/** A small file with known content, on its way to a host. */
export interface StagedFile { readonly host: HostId; readonly path: Path; readonly facts: Facts }

/**
 * Where it lies, an absolute path, in which folder of the tmp area that is, and the directories on the way to its place, all of them;
 * undefined where one is missing.
 */
export interface SentAhead { readonly at: string; readonly folder: string; readonly looked: ReadonlySet<string> | undefined }

interface Waiting { readonly uploading: Promise<SentAhead | undefined>; readonly addedAt: number; readonly size: number; readonly timer: NodeJS.Timeout }

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

  /** @param uploading undefined where it could not be sent, or does not belong there @param discard removes it */
  add(file: StagedFile, uploading: Promise<SentAhead | undefined>, discard: (at: string) => Promise<void>): void {
    const key = keyOf(file), { size } = file.facts;
    const timer = setTimeout(() => {
      if (!this.drop(key)) return;
      void uploading.then((sent) => (sent === undefined ? undefined : discard(sent.at))).catch(() => { /* It is bounded by age. */ });
    }, this.patienceMs);
    timer.unref();
    this.files.set(key, { uploading, addedAt: performance.now(), size, timer });
    this.bytes += size;
  }

  /** Where this file lies there already, once it does; undefined where it does not. It is the caller's from then on. `looked` only while that counts. */
  async take(file: StagedFile): Promise<SentAhead | undefined> {
    const key = keyOf(file), waiting = this.files.get(key);
    const sent = waiting && this.drop(key) ? await waiting.uploading : undefined;
    return sent && waiting && performance.now() - waiting.addedAt > freshMs ? { ...sent, looked: undefined } : sent;
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
