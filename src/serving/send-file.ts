import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { SendPart } from './send-content.js';

/** Up to this size one read and one write are quicker than a stream. */
const ONE_READ = 256 * 1024;
const CHUNK = 128 * 1024;

/** Sends a part of an open file, which stays open. A file that became shorter breaks the response: its length was announced. */
export function sendFileTo(response: ServerResponse, handle: FileHandle): SendPart {
  return async (start, length) => {
    try {
      if (length <= ONE_READ) {
        const bytes = Buffer.allocUnsafe(length);
        const { bytesRead } = await handle.read(bytes, 0, length, start);
        if (bytesRead === length) response.end(bytes);
        else response.destroy();
        return;
      }
      // By its number: a stream over the handle itself takes twice as long.
      const file = createReadStream('', { fd: handle.fd, start, end: start + length - 1, autoClose: false, highWaterMark: CHUNK });
      await pipeline(file, response, { end: false });
      if (file.bytesRead === length) response.end();
      else response.destroy();
    } catch {
      // The visitor is gone, or the disk fails: either way this response is over.
      response.destroy();
    }
  };
}
