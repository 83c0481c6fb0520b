import { createHash } from 'node:crypto';
import { SyncMediaError } from '../../model/errors.js';
import { formatAddress, type SshAddress } from './address.js';

/** A pinned key of a host's sshd. */
export interface PinnedKey {
  readonly type: string;
  readonly blob: Buffer;
}

const algorithmsByType: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  // The key's type is also the name of a signature over SHA-1, which no server accepts any more.
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/**
 * Parses the pinned keys of a host. Skips keys of unknown types.
 *
 * @throws HOST_KEY_MISMATCH if no key is left: a host is not trusted at first sight
 */
export function parsePinnedKeys(address: SshAddress): PinnedKey[] {
  const pinnedKeys: PinnedKey[] = [];
  for (const line of address.hostKeys) {
    const [type = '', base64 = ''] = line.trim().split(/\s+/);
    if (!Object.hasOwn(algorithmsByType, type) || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) continue;
    pinnedKeys.push({ type, blob: Buffer.from(base64, 'base64') });
  }
  if (pinnedKeys.length > 0) return pinnedKeys;
  throw new SyncMediaError(
    'HOST_KEY_MISMATCH',
    `No host key of ${formatAddress(address)} is known: run \`syncmedia init\` on that host, so ` +
      `that ` +
      `the others learn its keys.`,
  );
}

/** Lists the host key algorithms that can prove one of the pinned keys. */
export function listHostKeyAlgorithms(pinnedKeys: readonly PinnedKey[]): string[] {
  return [...new Set(pinnedKeys.flatMap(({ type }) => algorithmsByType[type] ?? []))];
}

/** Computes the fingerprint `SHA256:…`, as `ssh-keygen -l` shows it. */
export function computeFingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
