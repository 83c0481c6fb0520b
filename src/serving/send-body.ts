import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import type { SendRange } from './send-content.js';
import { Visitor } from './visitor.js';

/** Bytes per read. Larger reads are faster, but unsent bytes stay in memory. */
const CHUNK = 256 * 1024;
/**
 * A visitor who takes nothing for this long counts as gone. Until then the file stays open. In
 * milliseconds.
 */
const STALLED_MS = 120_000;

/**
 * Reads at least one byte and at most `length` from `position` on. Rejects if there are none.
 * Stops waiting for them once the visitor is gone.
 */
export type ReadRange = (
  position: number,
  length: number,
  visitor: Pick<Visitor, 'goneSignal'>,
) => Promise<Buffer>;

/**
 * Sends the bytes that `read` returns, as fast as the visitor takes them. If a read fails or the
 * visitor stalls, the response is destroyed, because its length was announced.
 *
 * The promise resolves only when no read is under way and none will follow, so that the owner of
 * the file may close it.
 */
export function createBodySender(
  response: ServerResponse,
  read: ReadRange,
  stalledMs = STALLED_MS,
): SendRange {
  return async (start, length) => {
    const visitor = new Visitor(response, stalledMs);
    try {
      const end = start + length;
      let position = start;
      while (position < end && !visitor.hasLeft) {
        const bytes = await read(position, Math.min(CHUNK, end - position), visitor);
        position += bytes.length;
        if (position < end && !response.write(bytes)) await visitor.waitForDrain();
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

/**
 * Reads from an open file. Uses the handle, whose `close` waits for pending reads. A descriptor
 * number could belong to another file by the time it is used.
 */
export function createFileReader(
  handle: FileHandle,
): (position: number, length: number) => Promise<Buffer> {
  return async (position, length) => {
    const bytes = Buffer.allocUnsafe(length);
    const { bytesRead } = await handle.read(bytes, 0, length, position);
    if (bytesRead === 0) throw new Error('The file became shorter while it was sent.');
    return bytesRead === length ? bytes : bytes.subarray(0, bytesRead);
  };
}
