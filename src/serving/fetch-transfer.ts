import type { FileHandle } from 'node:fs/promises';
import { SyncMediaError } from '../model/errors.js';
import type { FileInfo } from '../model/file.js';
import { createFileReader, type ReadRange } from './send-body.js';

/**
 * A file that is being fetched: one writer, and any number of readers that follow it.
 *
 * Readers read from the disk, so a slow one costs no memory. The file is closed when nobody uses
 * it any more, and may have another name by then.
 */
export class FetchTransfer {
  private readableBytes = 0;
  private failure: Error | undefined;
  private readers = 0;
  private isWritten = false;
  private readonly waiting = new Set<() => void>();
  private readonly readFile: ReturnType<typeof createFileReader>;

  /** Called if the last reader leaves while the file is still being written. */
  onReadersGone: (() => void) | undefined;

  /**
   * @param handle open for reading and writing. The transfer closes it; the caller ends the
   *   writing.
   */
  constructor(
    private readonly handle: FileHandle,
    readonly info: FileInfo,
  ) {
    this.readFile = createFileReader(handle);
  }

  /** Whether the file was closed already, or will never be complete. */
  get isOver(): boolean {
    return this.failure !== undefined || (this.isWritten && this.readers === 0);
  }

  /** How many bytes readers may read. */
  get bytes(): number {
    return this.readableBytes;
  }
  get hasReaders(): boolean {
    return this.readers > 0;
  }

  /** Adds a reader, which ends with `removeReader`; false if the transfer is over. */
  addReader(): boolean {
    if (this.isOver) return false;
    this.readers++;
    return true;
  }

  async removeReader(): Promise<void> {
    if (--this.readers > 0) return;
    if (this.isWritten) await this.handle.close();
    else this.onReadersGone?.();
  }

  async endWriting(): Promise<void> {
    this.isWritten = true;
    if (this.readers === 0) await this.handle.close();
  }

  /** Lets readers read everything before this position. */
  makeReadable(position: number): void {
    this.readableBytes = position;
    this.wakeReaders();
  }

  /** Readers get no further bytes, but this error. */
  fail(error: Error): void {
    this.failure ??= error;
    this.wakeReaders();
  }

  /**
   * Waits for bytes at `position` and reads them. Rejects once the visitor is gone. A property,
   * so that it can be passed on.
   */
  readonly read: ReadRange = async (position, length, visitor) => {
    while (this.readableBytes <= position) await this.waitForProgress(visitor.goneSignal);
    return this.readFile(position, Math.min(length, this.readableBytes - position));
  };

  private waitForProgress(gone: AbortSignal): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const resume = (): void => {
        this.waiting.delete(resume);
        gone.removeEventListener('abort', resume);
        if (this.failure ?? gone.aborted)
          reject(this.failure ?? new SyncMediaError('CANCELLED', 'The visitor is gone.'));
        else resolve();
      };
      this.waiting.add(resume);
      gone.addEventListener('abort', resume, { once: true });
      if (gone.aborted) resume();
    });
  }

  private wakeReaders(): void {
    for (const resume of [...this.waiting]) resume();
  }
}
