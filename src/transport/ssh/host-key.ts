import { SyncMediaError } from '../../model/errors.js';
import { findPublicKey, type PublicKey } from '../../util/public-key.js';
import { formatAddress, type SshAddress } from './address.js';

const algorithmsByType: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  // The key's type is also the name of a signature over SHA-1, which no server accepts any more.
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/**
 * Parses the pinned keys of a host. Skips malformed keys and those of unknown types.
 *
 * @throws HOST_KEY_MISMATCH if no key is left: a host is not trusted at first sight
 */
export function parsePinnedKeys(address: SshAddress): PublicKey[] {
  const pinnedKeys = address.hostKeys.flatMap((line) => findPublicKey(line) ?? []);
  if (pinnedKeys.length > 0) return pinnedKeys;
  throw new SyncMediaError(
    'HOST_KEY_MISMATCH',
    `No host key of ${formatAddress(address)} is known: run \`syncmedia init\` on that host, so ` +
      `that ` +
      `the others learn its keys.`,
  );
}

/** Lists the host key algorithms that can prove one of the pinned keys. */
export function listHostKeyAlgorithms(pinnedKeys: readonly PublicKey[]): string[] {
  return [...new Set(pinnedKeys.flatMap(({ type }) => algorithmsByType[type] ?? []))];
}
