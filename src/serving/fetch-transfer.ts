import type { FileHandle } from 'node:fs/promises';
import { SyncMediaError } from '../model/errors.js';
import type { Facts } from '../model/words.js';
import { readFrom, type ReadPart } from './send-body.js';

/**
 * A file that is being fetched: one writer, and any number of readers that follow it.
 *
 * Readers read from the disk, so a slow one costs no memory. The file is closed when nobody uses
 * it any more, and may have another name by then.
 */
export class Transfer {
  private visible = 0;
  private failure: Error | undefined;
  private readers = 0;
  private isWritten = false;
  private readonly waiting = new Set<() => void>();
  private readonly readFile: ReturnType<typeof readFrom>;

  /** Called if the last reader leaves while the file is still being written. */
  onUnread: (() => void) | undefined;

  /**
   * @param handle open for reading and writing. The transfer closes it; the caller ends the
   *   writing.
   */
  constructor(
    private readonly handle: FileHandle,
    readonly facts: Facts,
  ) {
    this.readFile = readFrom(handle);
  }

  /** Whether the file was closed already, or will never be complete. */
  get isOver(): boolean {
    return this.failure !== undefined || (this.isWritten && this.readers === 0);
  }

  /** How many bytes readers may read. */
  get bytes(): number {
    return this.visible;
  }
  get isRead(): boolean {
    return this.readers > 0;
  }

  /** Adds a reader, which ends with `release`; false if the transfer is over. */
  use(): boolean {
    if (this.isOver) return false;
    this.readers++;
    return true;
  }

  async release(): Promise<void> {
    if (--this.readers > 0) return;
    if (this.isWritten) await this.handle.close();
    else this.onUnread?.();
  }

  async endWriting(): Promise<void> {
    this.isWritten = true;
    if (this.readers === 0) await this.handle.close();
  }

  /** Lets readers read everything before this position. */
  reveal(position: number): void {
    this.visible = position;
    this.wake();
  }

  /** Readers get no further bytes, but this error. */
  fail(error: Error): void {
    this.failure ??= error;
    this.wake();
  }

  /**
   * Waits for bytes at `position` and reads them. Rejects once the visitor is gone. A property,
   * so that it can be passed on.
   */
  readonly read: ReadPart = async (position, length, visitor) => {
    while (this.visible <= position) await this.progress(visitor.gone);
    return this.readFile(position, Math.min(length, this.visible - position));
  };

  private progress(gone: AbortSignal): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const go = (): void => {
        this.waiting.delete(go);
        gone.removeEventListener('abort', go);
        if (this.failure ?? gone.aborted)
          reject(this.failure ?? new SyncMediaError('CANCELLED', 'The visitor is gone.'));
        else resolve();
      };
      this.waiting.add(go);
      gone.addEventListener('abort', go, { once: true });
      if (gone.aborted) go();
    });
  }

  private wake(): void {
    for (const go of [...this.waiting]) go();
  }
}
