import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import { flushOpen } from '../replica/descriptor.js';
import { findPublicKey } from '../util/public-key.js';

/** The name of the private key in the state folder, which only this user can read. */
const keyFileName = 'id_ed25519';

/**
 * Creates an ed25519 key pair without a passphrase for this host, both files with mode 0600. An
 * existing pair is used again; nothing is overwritten.
 *
 * @param stateDir exists
 * @returns the path of the public key
 * @throws BAD_KEY if only one of the two files exists, or the folder is not writable
 */
export async function generateKeyPair(stateDir: string, comment: string): Promise<string> {
  const file = join(stateDir, keyFileName);
  const pair = drawKeyPair(comment);
  try {
    await writeNewKeyFile(file, pair.private);
  } catch (error) {
    // The caller checks whether it is a usable pair.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return `${file}.pub`;
    throw new SyncMediaError(
      'BAD_KEY',
      `the key ${file} cannot be made: ${getErrorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
  try {
    await writeNewKeyFile(`${file}.pub`, `${pair.public}\n`);
  } catch (error) {
    // The private key that was just made is useless without its public half.
    await rm(file, { force: true });
    throw new SyncMediaError(
      'BAD_KEY',
      `the key ${file}.pub cannot be made (${getErrorMessage(error)}): move that file away`,
      { cause: error },
    );
  }
  return `${file}.pub`;
}

/**
 * ssh2 takes zero bytes at the start of an ed25519 public key for padding and drops them, so one
 * pair in 256 has too short a key, which no sshd accepts. Such a pair is drawn again.
 */
export function drawKeyPair(comment: string): { private: string; public: string } {
  for (let tries = 0; tries < 32; tries++) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
    if (findPublicKey(pair.public) !== undefined) return pair;
  }
  throw new SyncMediaError(
    'BAD_KEY',
    'no complete key pair came of 32 attempts: make one with `ssh-keygen -t ed25519`, and name ' +
      'it in SYNCMEDIA_KEY',
  );
}

async function writeNewKeyFile(file: string, content: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await flushOpen(handle);
  } finally {
    await handle.close();
  }
}
