import type { ServerResponse } from 'node:http';
import { findPictureType } from '../model/picture-type.js';

/** The type of everything that is no raster image: a browser saves it and runs none of it. */
export const downloadType = 'application/octet-stream';

/** The bytes by which a picture is recognised. */
const HEAD_BYTES = 16;
/** A client that reads nothing for so long, in milliseconds, is disconnected. */
const STUCK_MS = 60_000;

export function makeAttachmentHeader(path: string): Readonly<Record<string, string>> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  // RFC 8187 escapes more than `encodeURIComponent` does.
  const escaped = encodeURIComponent(name).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return { 'Content-Disposition': `attachment; filename*=UTF-8''${escaped}` };
}

/**
 * Sends the bytes of a version. A raster image gets its own type, by its bytes, and may be shown;
 * any other file stays an attachment. The last bytes are withheld until the source has checked all
 * of them, so damaged ones never look complete. Rejects never, and ends the response.
 */
export async function sendVersion(
  response: ServerResponse,
  body: AsyncIterable<Uint8Array>,
  size: number,
): Promise<void> {
  response.setTimeout(STUCK_MS, () => {
    response.destroy();
  });
  try {
    let withheld: Uint8Array = new Uint8Array();
    for await (const bytes of body) {
      if (response.destroyed) return;
      if (response.headersSent || withheld.length >= HEAD_BYTES) {
        begin(response, withheld, size);
        await writeBytes(response, withheld);
        withheld = bytes;
      } else withheld = Buffer.concat([withheld, bytes]);
    }
    begin(response, withheld, size);
    response.end(withheld);
  } catch {
    // The reader sees that bytes are missing.
    response.destroy();
  }
}

function begin(response: ServerResponse, head: Uint8Array, size: number): void {
  if (response.headersSent) return;
  const type = findPictureType(head);
  if (type !== undefined) {
    response.setHeader('Content-Type', type);
    response.removeHeader('Content-Disposition');
  }
  response.setHeader('Content-Length', size);
}

/** Waits while the client is slower. */
async function writeBytes(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  if (response.write(bytes) || response.destroyed) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
}
