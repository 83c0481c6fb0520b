import type { Sftp } from './sftp.js';

/** What OpenSSH's server gives at once, and how many requests are under way: 512 KiB fill a fast line over 5 ms of way. */
const CHUNK = 32 * 1024;
const WINDOW = 16;
/** Honest servers give as much as was asked for, or half of it; one that gives single bytes would be read for days. */
const MAX_PIECES = 64;

/**
 * Bytes of an open remote file from its start to its end as it is then, a bounded number of requests ahead of the reader.
 *
 * @param signal ends it after the answer that is waited for: a server may give each byte by itself
 */
export async function* readRemote(sftp: Sftp, handle: Buffer, size: number, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const ahead: Promise<Buffer>[] = [];
  let asked = 0;
  const ask = (): void => {
    const chunk = readFully(sftp, handle, asked, Math.min(CHUNK, size - asked), signal);
    // It is awaited in its turn; until then its failure is not unhandled.
    chunk.catch(() => undefined);
    ahead.push(chunk);
    asked += CHUNK;
  };
  while (asked < size && ahead.length < WINDOW) ask();
  for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
    const bytes = await next;
    if (asked < size) ask();
    if (bytes.length > 0) yield bytes;
  }
}

/** A server may answer with fewer bytes than were asked for. */
async function readFully(sftp: Sftp, handle: Buffer, position: number, length: number, signal: AbortSignal | undefined): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  for (let pieces = 0; filled < length; pieces++) {
    if (pieces === MAX_PIECES) throw sftp.refuse(`gave ${String(filled)} bytes of a file in ${String(pieces)} answers`);
    const count = await sftp.read(handle, bytes.subarray(filled), position + filled);
    if (count === 0) break;
    signal?.throwIfAborted();
    filled += count;
  }
  return bytes.subarray(0, filled);
}
