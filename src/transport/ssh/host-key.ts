import { createHash } from 'node:crypto';
import { SyncMediaError } from '../../model/errors.js';
import { nameOf, type Address } from './address.js';

/** A pinned key of a host's sshd. */
export interface Pin {
  readonly type: string;
  readonly blob: Buffer;
}

const algorithms: Readonly<Record<string, readonly string[]>> = {
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
export function pinsOf(address: Address): Pin[] {
  const pins: Pin[] = [];
  for (const line of address.hostKeys) {
    const [type = '', base64 = ''] = line.trim().split(/\s+/);
    if (!Object.hasOwn(algorithms, type) || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) continue;
    pins.push({ type, blob: Buffer.from(base64, 'base64') });
  }
  if (pins.length > 0) return pins;
  throw new SyncMediaError(
    'HOST_KEY_MISMATCH',
    `No host key of ${nameOf(address)} is known: run \`syncmedia init\` on that host, so that ` +
      `the others learn its keys.`,
  );
}

/** Lists the host key algorithms that can prove one of the pinned keys. */
export function algorithmsOf(pins: readonly Pin[]): string[] {
  return [...new Set(pins.flatMap(({ type }) => algorithms[type] ?? []))];
}

/** Computes the fingerprint `SHA256:…`, as `ssh-keygen -l` shows it. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
