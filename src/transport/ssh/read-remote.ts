import type { Sftp } from './sftp.js';

/**
 * Bytes that OpenSSH's server returns at once, and the number of requests under way. 512 KiB fill
 * a fast line with a round trip of 5 ms.
 */
const READ_CHUNK_BYTES = 32 * 1024;
const WINDOW = 16;
/**
 * Honest servers return as many bytes as were requested, or half of them. A server that returns
 * single bytes would take days.
 */
const MAX_PIECES = 64;

/**
 * Reads an open remote file from start to end, a bounded number of requests ahead of the
 * consumer.
 *
 * @param signal ends the reading after the current answer, as a server may send each byte by
 *   itself
 */
export async function* readRemoteFile(
  sftp: Sftp,
  handle: Buffer,
  size: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const ahead: Promise<Buffer>[] = [];
  let requested = 0;
  const requestChunk = (): void => {
    const chunk = readFullChunk(
      sftp,
      handle,
      requested,
      Math.min(READ_CHUNK_BYTES, size - requested),
      signal,
    );
    // The chunk is awaited in its turn. Until then its failure must not count as unhandled.
    chunk.catch(() => undefined);
    ahead.push(chunk);
    requested += READ_CHUNK_BYTES;
  };
  while (requested < size && ahead.length < WINDOW) requestChunk();
  for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
    const bytes = await next;
    if (requested < size) requestChunk();
    if (bytes.length > 0) yield bytes;
  }
}

/** Reads a chunk in several requests if the server returns fewer bytes than requested. */
async function readFullChunk(
  sftp: Sftp,
  handle: Buffer,
  position: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  for (let pieces = 0; filled < length; pieces++) {
    if (pieces === MAX_PIECES)
      throw sftp.refuse(`gave ${String(filled)} bytes of a file in ${String(pieces)} answers`);
    const count = await sftp.read(handle, bytes.subarray(filled), position + filled);
    if (count === 0) break;
    signal?.throwIfAborted();
    filled += count;
  }
  return bytes.subarray(0, filled);
}
