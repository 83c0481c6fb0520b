import { open, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import ssh2 from 'ssh2';
import { findHome } from '../config/find-home.js';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import { parsePublicKey, type PublicKey } from '../util/public-key.js';

/** The key pair with which this host logs in to others. */
export interface KeyPair {
  publicKey: PublicKey;
  /** Undefined for a key that was given literally. */
  publicKeyFile: string | undefined;
  identityFile: string;
}

/** The sources of a key pair. */
interface KeyRequest {
  /**
   * A file, or a literal key line; undefined: `id_rsa.pub`, then `id_ed25519.pub` in the user's
   * `.ssh`.
   */
  key: string | undefined;
  /** The private key; undefined: the public key's file without `.pub`. */
  identityFile: string | undefined;
  /** Default: the user's. */
  home?: string;
}

const describeKeyRemedy = (file: string): string =>
  `run \`syncmedia init --generate\` for a key of this host's own, or make one with ` +
  `\`ssh-keygen -t ed25519 -N '' -f ${file}\``;
const MAX_KEY_FILE = 64 * 1024;

/**
 * Finds this host's key pair and checks that ssh can use the private key unattended.
 * @throws BAD_KEY naming the file and the remedy
 */
export async function findKeyPair(request: KeyRequest): Promise<KeyPair> {
  const home = request.home ?? findHome();
  const identity =
    request.identityFile === undefined ? undefined : expandHome(request.identityFile, home);
  if (request.key !== undefined && isLiteralKey(request.key)) {
    const publicKey = await readPublicKey(request.key);
    return {
      publicKey,
      publicKeyFile: undefined,
      identityFile: await findPrivateKey(publicKey, identity, home),
    };
  }
  const file =
    request.key === undefined ? await findDefaultKey(home) : expandHome(request.key, home);
  const publicKey = await readPublicKey(file);
  const identityFile =
    identity ?? (file.endsWith('.pub') ? file.slice(0, -'.pub'.length) : undefined);
  if (identityFile === undefined)
    throw new SyncMediaError(
      'BAD_KEY',
      `${file} does not end in .pub, so the file of its private half is unknown: name it in ` +
        `SYNCMEDIA_IDENTITY`,
    );
  await checkPrivateKey(identityFile, publicKey);
  return { publicKey, publicKeyFile: file, identityFile };
}

/** Reads a public key from a file, or parses one that was given literally. @throws BAD_KEY */
export async function readPublicKey(key: string, home = findHome()): Promise<PublicKey> {
  if (isLiteralKey(key)) return parsePublicKey(key, 'the literal key');
  const file = expandHome(key, home);
  return parsePublicKey(await readKeyFile(file, 'SYNCMEDIA_KEY'), file);
}

/**
 * Checks that ssh can use a private key file as it is, and that it belongs to `publicKey`.
 * @throws BAD_KEY
 */
export async function checkPrivateKey(file: string, publicKey: PublicKey): Promise<void> {
  const makeError = (what: string): SyncMediaError =>
    new SyncMediaError('BAD_KEY', `the private key ${file} ${what}`);
  const there = await stat(file).catch(() => undefined);
  if (!there?.isFile())
    throw makeError(`does not exist: name it in SYNCMEDIA_IDENTITY, or ${describeKeyRemedy(file)}`);
  if ((there.mode & 0o077) !== 0)
    throw makeError(`can be read by others, so ssh refuses it: chmod 600 ${file}`);
  const parsed = ssh2.utils.parseKey(await readKeyFile(file, 'SYNCMEDIA_IDENTITY'));
  if (parsed instanceof Error) {
    const locked = /passphrase|encrypted/i.test(parsed.message);
    throw makeError(
      locked
        ? `needs a passphrase, and nobody is there to type it: ` +
            `${describeKeyRemedy('~/.ssh/syncmedia')} ` +
            `and name ~/.ssh/syncmedia.pub in SYNCMEDIA_KEY`
        : `cannot be used (${parsed.message})`,
    );
  }
  if (!parsed.isPrivateKey()) throw makeError('is no private key');
  if (!parsed.getPublicSSH().equals(publicKey.blob))
    throw makeError('is not the half of the public key: give the pair of one ssh-keygen');
}

/**
 * A literal key begins with its type and a space. A path may contain spaces, but begins
 * otherwise.
 */
function isLiteralKey(key: string): boolean {
  return /^\s*((ssh|ecdsa|sk)-\S+\s|-----BEGIN)/.test(key);
}

async function findDefaultKey(home: string): Promise<string> {
  const files = ['id_rsa.pub', 'id_ed25519.pub'].map((name) => join(home, '.ssh', name));
  for (const file of files) if (await stat(file).catch(() => undefined)) return file;
  throw new SyncMediaError(
    'BAD_KEY',
    `no ssh key: neither ${files.join(' nor ')} exists; ` +
      `${describeKeyRemedy(join(home, '.ssh/id_ed25519'))}, or name another in SYNCMEDIA_KEY`,
  );
}

async function findPrivateKey(
  publicKey: PublicKey,
  given: string | undefined,
  home: string,
): Promise<string> {
  if (given !== undefined) {
    await checkPrivateKey(given, publicKey);
    return given;
  }
  for (const name of ['id_ed25519', 'id_ecdsa', 'id_rsa']) {
    const file = join(home, '.ssh', name);
    if (
      await checkPrivateKey(file, publicKey).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  throw new SyncMediaError(
    'BAD_KEY',
    `no private key in ${join(home, '.ssh')} is the usable half of the literal key: name it in ` +
      `SYNCMEDIA_IDENTITY`,
  );
}

/** @param variable the environment variable that names another file of this kind */
async function readKeyFile(
  file: string,
  variable: 'SYNCMEDIA_KEY' | 'SYNCMEDIA_IDENTITY',
): Promise<string> {
  try {
    const handle = await open(file, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(
        Buffer.alloc(MAX_KEY_FILE),
        0,
        MAX_KEY_FILE,
        0,
      );
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new SyncMediaError(
      'BAD_KEY',
      `the key ${file} cannot be read (${getErrorMessage(error)}): name another in ` +
        `${variable}, or ${describeKeyRemedy(file.replace(/\.pub$/, ''))}`,
      { cause: error },
    );
  }
}

function expandHome(path: string, home: string): string {
  if (path === '~' || path.startsWith('~/')) return join(home, path.slice(1));
  return isAbsolute(path) ? path : resolve(path);
}
