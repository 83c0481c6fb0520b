import type { FileHandle } from 'node:fs/promises';
import { SyncMediaError } from '../errors/errors.js';
import type { Facts } from '../words.js';
import { readFrom, type ReadPart } from './send-body.js';

/**
 * A file that is being fetched: one writer, any number of readers that follow it. Readers read what is on the disk, so that a slow
 * one costs no memory. The file is closed when nobody uses it any more; it may have another name by then.
 */
export class Transfer {
  private visible = 0;
  private failure: Error | undefined;
  private readers = 0;
  private isWritten = false;
  private readonly waiting = new Set<() => void>();
  private readonly readFile: ReturnType<typeof readFrom>;

  /** Called where it is still written and nobody reads it any more. */
  onUnread: (() => void) | undefined;

  /** @param handle open for reading and writing; its owner is the transfer from now on, and the caller ends the writing */
  constructor(private readonly handle: FileHandle, readonly facts: Facts) {
    this.readFile = readFrom(handle);
  }

  /** The file was closed already, or will never be complete. */
  get isOver(): boolean {
    return this.failure !== undefined || (this.isWritten && this.readers === 0);
  }

  /** How many bytes have come. */
  get bytes(): number { return this.visible; }
  get isRead(): boolean { return this.readers > 0; }

  /** False where it is over. Each use that began is ended by `release`. */
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

  /** Readers may have everything before this position. */
  reveal(position: number): void {
    this.visible = position;
    this.wake();
  }

  /** Whoever has not got all that was asked for gets nothing more. */
  fail(error: Error): void {
    this.failure ??= error;
    this.wake();
  }

  /** Reads what has come in; waits for it, unless whoever asked is gone. A function of its own, to be handed on. */
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
        if (this.failure ?? gone.aborted) reject(this.failure ?? new SyncMediaError('CANCELLED', 'Whoever asked for the file is gone.'));
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
