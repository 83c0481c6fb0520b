import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ServerResponse } from 'node:http';
import { SyncMediaError } from '../errors/errors.js';
import type { Facts } from '../words.js';
import type { SendPart } from './send-content.js';

const CHUNK = 64 * 1024;

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

  /** Called where it is still written and nobody reads it any more. */
  onUnread: (() => void) | undefined;

  /** @param handle open for reading and writing; its owner is the transfer from now on, and the caller ends the writing */
  constructor(readonly handle: FileHandle, readonly facts: Facts) {}

  /** The file was closed already, or will never be complete. */
  get isOver(): boolean {
    return this.failure !== undefined || (this.isWritten && this.readers === 0);
  }

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

  /** Sends a part as it comes in; what fails breaks the response, because its length was announced. */
  sendTo(response: ServerResponse): SendPart {
    return async (start, length) => {
      try {
        await pipeline(Readable.from(this.read(start, start + length), { objectMode: false }), response, { end: false });
        response.end();
      } catch {
        response.destroy();
      }
    };
  }

  private async *read(start: number, end: number): AsyncGenerator<Buffer> {
    for (let position = start; position < end;) {
      while (this.visible <= position) await this.progress();
      const bytes = Buffer.allocUnsafe(Math.min(CHUNK, end - position, this.visible - position));
      const { bytesRead } = await this.handle.read(bytes, 0, bytes.length, position);
      if (bytesRead === 0) throw new SyncMediaError('TRANSFER_FAILED', 'What was fetched became shorter while it was sent.');
      position += bytesRead;
      yield bytes.subarray(0, bytesRead);
    }
  }

  private progress(): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.waiting.add(() => {
        if (this.failure) reject(this.failure);
        else resolve();
      });
    });
  }

  private wake(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const go of waiting) go();
  }
}
