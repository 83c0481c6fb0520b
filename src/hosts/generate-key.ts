import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { messageOf, SyncMediaError } from '../errors/errors.js';
import { flushOpen } from '../root/descriptor.js';

/** Its file in the state folder, where nobody else may look. */
const fileName = 'id_ed25519';

/**
 * Makes an ed25519 key pair without a passphrase for this host alone, both halves 0600. What is there is never overwritten: a pair that
 * was made before is used again.
 *
 * @param stateDir exists
 * @returns the file of the public half
 * @throws BAD_KEY where only one half is there, or the folder cannot be written
 */
export async function generateKey(stateDir: string, comment: string): Promise<string> {
  const file = join(stateDir, fileName);
  const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
  try {
    await writeNew(file, pair.private);
  } catch (error) {
    // Whether it is a usable pair is checked by whoever uses it.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return `${file}.pub`;
    throw new SyncMediaError('BAD_KEY', `the key ${file} cannot be made: ${messageOf(error)}`, { cause: error });
  }
  try {
    await writeNew(`${file}.pub`, `${pair.public}\n`);
  } catch (error) {
    // A private key of whose public half nobody knows is of no use; it is the one that was just made.
    await rm(file, { force: true });
    throw new SyncMediaError('BAD_KEY', `the key ${file}.pub cannot be made (${messageOf(error)}): move away what is there`, { cause: error });
  }
  return `${file}.pub`;
}

async function writeNew(file: string, content: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await flushOpen(handle);
  } finally {
    await handle.close();
  }
}
