import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { SendPart } from './send-content.js';

/** Up to this size one read and one write are quicker than a stream. */
const ONE_READ = 64 * 1024;

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
      const file = handle.createReadStream({ start, end: start + length - 1, autoClose: false });
      await pipeline(file, response, { end: false });
      if (file.bytesRead === length) response.end();
      else response.destroy();
    } catch {
      // The visitor is gone, or the disk fails: either way this response is over.
      response.destroy();
    }
  };
}
