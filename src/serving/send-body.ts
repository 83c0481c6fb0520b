import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import type { SendPart } from './send-content.js';
import { Visitor } from './visitor.js';

/** Larger reads are quicker; what a visitor has not taken yet stays in memory. */
const CHUNK = 256 * 1024;
/** A visitor who takes nothing for so long is gone: until then the file stays open for it. In milliseconds. */
const STALLED_MS = 120_000;

/** Reads at least one byte and at most `length` from `position` on; rejects where there is none. Whoever waits for them stops once the visitor is gone. */
export type ReadPart = (position: number, length: number, visitor: Pick<Visitor, 'gone'>) => Promise<Buffer>;

/**
 * Sends what `read` gives, as quickly as the visitor takes it. Where a read fails, or the visitor takes nothing, the response is broken:
 * its length was announced.
 *
 * The promise resolves only when no read is under way and none will follow, so that whoever owns the file may close it.
 */
export function sendBody(response: ServerResponse, read: ReadPart, stalledMs = STALLED_MS): SendPart {
  return async (start, length) => {
    const visitor = new Visitor(response, stalledMs);
    try {
      const end = start + length;
      let position = start;
      while (position < end && !visitor.left) {
        const bytes = await read(position, Math.min(CHUNK, end - position), visitor);
        position += bytes.length;
        if (position < end && !response.write(bytes)) await visitor.takes();
        else if (position === end) response.end(bytes);
      }
      if (length === 0) response.end();
    } catch {
      response.destroy();
    } finally {
      visitor.release();
    }
  };
}

/** Reads from an open file. The handle counts what is under way: a number could belong to another file by the time it is used. */
export function readFrom(handle: FileHandle): (position: number, length: number) => Promise<Buffer> {
  return async (position, length) => {
    const bytes = Buffer.allocUnsafe(length);
    const { bytesRead } = await handle.read(bytes, 0, length, position);
    if (bytesRead === 0) throw new Error('The file became shorter while it was sent.');
    return bytesRead === length ? bytes : bytes.subarray(0, bytesRead);
  };
}
