import { randomBytes } from 'node:crypto';
import { link, lstat, open, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import ssh2 from 'ssh2';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import { flushOpen } from '../replica/descriptor.js';
import { findPublicKey } from '../util/public-key.js';

/** The name of the private key in the state folder, which only this user can read. */
const keyFileName = 'id_ed25519';

/**
 * Creates an ed25519 key pair without a passphrase for this host, both files with mode 0600. An
 * existing pair is used again; nothing is overwritten. Another call completes what a crash
 * interrupted.
 *
 * @param stateDir exists
 * @returns the path of the public key
 * @throws BAD_KEY if only the public half exists, or the folder is not writable
 */
export async function generateKeyPair(stateDir: string, comment: string): Promise<string> {
  const file = join(stateDir, keyFileName),
    publicFile = `${file}.pub`;
  const isMade = await placeNewKeyFile(file, () => drawKeyPair(comment).private);
  // Undefined for a private key that cannot be used: the caller says what is wrong with it.
  const half = await readPublicHalf(file);
  if (half === undefined) return publicFile;
  if (await placeNewKeyFile(publicFile, () => `${half} ${comment}\n`)) return publicFile;
  // The caller checks whether an earlier pair is usable. Another process may have completed ours.
  if (!isMade || findPublicKey(await readFile(publicFile, 'utf8'))?.line === half)
    return publicFile;
  // The private key that was just made is useless without its public half.
  await rm(file, { force: true });
  throw new SyncMediaError(
    'BAD_KEY',
    `the key ${publicFile} cannot be made, since another one is there: move that file away`,
  );
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

/** Reads the public half of a private key; undefined if it cannot be used. */
async function readPublicHalf(file: string): Promise<string | undefined> {
  const parsed = ssh2.utils.parseKey(await readFile(file).catch(() => ''));
  if (parsed instanceof Error) return undefined;
  return findPublicKey(`${parsed.type} ${parsed.getPublicSSH().toString('base64')}`)?.line;
}

/**
 * Makes a key file that appears complete, or not at all.
 *
 * @returns false if there is one
 * @throws BAD_KEY
 */
async function placeNewKeyFile(file: string, makeContent: () => string): Promise<boolean> {
  if (await lstat(file).catch(() => undefined)) return false;
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}`);
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(makeContent());
      await flushOpen(handle);
    } finally {
      await handle.close();
    }
    await link(temporary, file); // Refuses to overwrite, unlike a rename.
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new SyncMediaError(
      'BAD_KEY',
      `the key ${file} cannot be made: ${getErrorMessage(error)}`,
      { cause: error },
    );
  } finally {
    await rm(temporary, { force: true });
  }
}
