import { open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/**
 * Writes a file that does not exist yet, and never over one that does. If the content fails, which
 * a stream may do at its very end, nothing stays: half a file, or one with damaged bytes, would be
 * taken for a whole one, and would be in the way of the next try.
 *
 * @returns the number of bytes
 */
export async function writeNewFile(
  file: string,
  content: AsyncIterable<Uint8Array>,
): Promise<number> {
  const handle = await open(file, 'wx', 0o600);
  try {
    const output = handle.createWriteStream();
    await pipeline(content, output);
    return output.bytesWritten;
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}
